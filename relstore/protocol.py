"""What client and helper say to each other: the requests, the replies, and the handshake.

After the handshake (``Hello``, sent by the helper) the client sends requests; each is answered by
any number of events and then one reply or one error, except ``Begin``, ``Open`` and ``Put``, which are
answered only when they fail. A message may announce a body, which follows it in data frames. A message is
``[name, fields, body bytes]`` in canonical msgpack. docs/formats/protocol.md is this in prose. Not
for how bytes travel (``framing``) nor how fields are checked (``shape``).
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Union

from relstore import shape
from relstore.errors import ProtocolError, RelstoreError, from_wire
from relstore.framing import MAX_FRAME_BYTES
from relstore.recipe import Recipe
from relstore.store import pack
from relstore.store.names import AppName, Digest, JobId, PinName
from relstore.units import UnitName

VERSION = 5
MAX_BODY_BYTES = 256 * 1024 * 1024
MAX_TEXT = 4000
MAX_PAST = 256
"""Records in one reply to Past."""


# --- handshake ----------------------------------------------------------------------------------


class Hello(NamedTuple):
    """The helper's first message: who serves, and what the host can do."""

    version: int
    helper: str
    """The relstore version of the helper."""
    python: str
    account: str
    hostname: str
    machine: str
    """``uname -m``."""
    root: str
    """The absolute path of the store, as the host resolves it."""
    exists: bool
    """Whether there is a store; it is made by the first request that writes."""
    noexec: bool
    """Whether the store's file system refuses to execute files."""
    volatile: bool
    """Whether it ignores syncs (overlayfs mounted volatile), so that no promise outlives a power cut."""
    free_bytes: int
    free_inodes: Optional[int]


# --- requests -----------------------------------------------------------------------------------


class Probe(NamedTuple):
    """What does the host know of this app and build? Reply: Probed."""

    app: AppName
    build: Digest


class Compare(NamedTuple):
    """What is missing of a build? The body is its manifest; nothing is changed. Reply: Compared."""

    app: AppName
    build: Digest
    allow_outside_links: bool


class Begin(NamedTuple):
    """Start the upload of the build that was compared last. No reply unless it fails."""


class Segment(NamedTuple):
    """``length`` bytes of a content from ``offset`` on."""

    content: int
    offset: int
    length: int


class Open(NamedTuple):
    """A stream begins: what is undone of it are these segments, in order. No reply unless it fails."""

    codec: str
    base: Optional[Digest]
    """An object of the host's, one of those that Compared offered, which the codec builds on."""
    segments: tuple[Segment, ...]


class Put(NamedTuple):
    """The next bytes of the open stream, in the body. No reply unless it fails."""


class Retention(NamedTuple):
    """What is to be kept of an app (see ``store.retention``)."""

    keep: Optional[int]
    keep_within: Optional[int]
    max_size: Optional[int] = None


class Publish(NamedTuple):
    """Make the build of the upload and record a generation of it. Reply: Published."""

    app: AppName
    who: str
    commit: Optional[str]
    dirty: bool
    note: str
    retention: Optional[Retention] = None
    """What holds for the app from now on; None leaves it as it is."""


class Restore(NamedTuple):
    """Repair the build of the upload, which is in the store, damaged. Reply: Published, of no generation."""


class Release(NamedTuple):
    """Record a generation of a build that is in the store. Reply: Released."""

    app: AppName
    build: Digest
    who: str
    commit: Optional[str]
    dirty: bool
    note: str
    retention: Optional[Retention] = None
    """As in Publish."""


class Activate(NamedTuple):
    """Make a generation current, in a job of its own. Events: Accepted, Step, Output. Reply: Ended."""

    app: AppName
    spec: str
    who: str
    recipe: Recipe
    lock_wait: int = 0
    """Seconds to wait for another activation to end."""
    override_hold: bool = False
    confirm_hash: Optional[bytes] = None
    """The SHA-256 of the token that Confirm must bring, where the recipe asks for that."""


class Become(NamedTuple):
    """The password for sudo, for what this session does next; kept in memory alone. Reply: Done."""

    password: str


class ProgramIn(NamedTuple):
    """What one executable of a build needs of a host."""

    path: str
    machine: str
    """As ``uname -m`` says it, or empty where it does not matter."""
    loader: str
    """The dynamic loader, or empty."""
    interpreter: str
    """What a script names after ``#!``, or empty."""


class Preflight(NamedTuple):
    """Would this host run it? Nothing is changed. Reply: Preflighted."""

    app: AppName
    recipe: Recipe
    programs: tuple[ProgramIn, ...]
    switch: bool
    """Whether an activation is to follow; else only the programs are looked at."""


class Confirm(NamedTuple):
    """The deployer came back, on another connection. Reply: Confirmed."""

    app: AppName
    job: JobId
    token: bytes


class Cancel(NamedTuple):
    """Please do not switch. Reply: Done; what becomes of it is what the job records."""

    app: AppName
    job: JobId
    who: str


class InstallUnit(NamedTuple):
    """Put a unit file in place. Reply: Installed."""

    name: UnitName
    text: str
    user: bool
    become: str
    replace: bool
    """Whether a file that is there may go."""


class Watch(NamedTuple):
    """Follow a job (the newest when None) to its end. Events and reply as of Activate."""

    app: AppName
    job: Optional[JobId]


class List(NamedTuple):
    """All generations of an app. Reply: Listed, its body a stream of RowOut."""

    app: AppName


class Fetch(NamedTuple):
    """One generation and its manifest. Reply: RowOut, its body the manifest."""

    app: AppName
    spec: str


class Log(NamedTuple):
    """The journal of an app. Reply: Done, its body a stream of EventOut."""

    app: AppName


class Apps(NamedTuple):
    """The names of the apps. Reply: AppsOut."""


class Past(NamedTuple):
    """Does the chain still contain the record that was seen last, and what came after it? Reply: PastOut."""

    app: AppName
    number: int
    """Of the record that was seen; 0: none was."""


class Status(NamedTuple):
    """What is current, under way and free. Reply: StatusOut."""

    app: AppName


class Pin(NamedTuple):
    """Keep a generation whatever the policy. Reply: RowOut."""

    app: AppName
    name: PinName
    spec: str


class Unpin(NamedTuple):
    """Reply: Done."""

    app: AppName
    name: PinName


class Delete(NamedTuple):
    """Let go of generations; their records stay. Reply: Done, its body a stream of RowOut."""

    app: AppName
    specs: tuple[str, ...]
    who: str
    dry_run: bool


class Hold(NamedTuple):
    """Refuse activations until ``Unhold``. Reply: Done."""

    app: AppName
    who: str
    message: str


class Unhold(NamedTuple):
    """Reply: Unheld."""

    app: AppName


class Mark(NamedTuple):
    """Say by hand that a generation is good or bad. Reply: RowOut."""

    app: AppName
    spec: str
    good: bool
    who: str
    reason: str


class Verify(NamedTuple):
    """Check everything on disk. Events: Step. Reply: Verified, its body a stream of FindingOut."""

    repair: bool = False
    """Put right what can be put right with what the store has."""


class Collect(NamedTuple):
    """Plan, and unless ``dry_run`` sweep. Reply: Collected, its body a stream of Verdict."""

    app: Optional[AppName]
    """Whose generations may go; None for all apps."""
    retention: Optional[Retention]
    """Instead of what holds for them."""
    otherwise: Optional[Retention]
    """For an app for which nothing holds."""
    who: str
    dry_run: bool


# --- replies and events -------------------------------------------------------------------------


class Done(NamedTuple):
    pass


class HoldOut(NamedTuple):
    who: str
    since: int
    message: str


class Problem(NamedTuple):
    """Why a host would not run it, and what to do."""

    what: str
    hint: str


class Preflighted(NamedTuple):
    problems: tuple[Problem, ...]


class Confirmed(NamedTuple):
    in_time: bool
    """False: the host had given up waiting, and returns."""


class Installed(NamedTuple):
    path: str
    changed: bool


class Unheld(NamedTuple):
    was_held: bool


class Probed(NamedTuple):
    present: bool
    """Whether the build is in the store."""
    current: int
    """The number of the current generation, or 0."""
    current_build: Optional[Digest]
    waiting: int
    """A generation of this very build that is recorded and still to be activated, or 0: it is newer than
    the current one and was never active, or it is current but its job died before the outcome."""
    damaged: bool = False
    """Whether it is in the store, but not whole: what is wrong with it was told as missing."""


class Base(NamedTuple):
    """An object that the host has."""

    blake3: Digest
    size: int


class Wanted(NamedTuple):
    """A content that the host lacks, how much of it is staged already, and which of the host's objects may
    be like it, the likeliest first."""

    content: int
    offset: int
    bases: tuple[Base, ...] = ()


class Compared(NamedTuple):
    """The body is a stream of Wanted. It is empty when nothing has to be sent: the build is present, current,
    or waiting."""

    found: Probed
    missing: int
    codecs: tuple[str, ...]
    """Those that the host can undo, the best first."""


class Again(NamedTuple):
    """A content that has to be sent (again), from ``offset``."""

    content: int
    offset: int
    why: str


class Published(NamedTuple):
    """With contents to send ``again`` (at most 1,000 at a time) nothing was made yet, and ``number`` is 0."""

    number: int
    again: tuple[Again, ...]
    record: bytes = b""
    """What was recorded, as it is on disk."""
    mended: int = 0
    """How many entries of the build were wrong, and are right now."""


class Released(NamedTuple):
    number: int
    record: bytes


class Accepted(NamedTuple):
    """From here on the host owns the activation."""

    job: JobId
    generation: int
    previous: int
    held_by: str
    """How the job is kept alive: ``nohup``, ``systemd-run``, ``systemd-run --user``."""


class Step(NamedTuple):
    """What the host does now, for people; ``done`` of ``total`` bytes where that is known."""

    name: str
    done: int
    total: int


class Output(NamedTuple):
    """Some of the job's log."""

    data: bytes


class Ended(NamedTuple):
    """What the host recorded."""

    job: Optional[JobId]
    """None when nothing had to be done."""
    outcome: str
    generation: int
    previous: int
    current: int
    reason: str


class RowOut(NamedTuple):
    number: int
    build: Digest
    created: int
    size: int
    files: int
    who: str
    commit: Optional[str]
    dirty: bool
    note: str
    state: str
    outcome: str
    outcome_at: int
    reason: str
    pins: tuple[str, ...]


class Listed(NamedTuple):
    current: int
    head: Optional[Digest]
    """The digest of the last record: the whole chain in one name."""


class PastOut(NamedTuple):
    """The body is a stream of the records after the one that was asked about, as they are on disk: MAX_PAST
    at most, and none when there was none to ask about."""

    number: int
    """Of the last record, 0 without one."""
    head: Optional[Digest]
    """The digest of the last record."""
    seen: Optional[Digest]
    """The digest of the record that was asked about."""


class EventOut(NamedTuple):
    time: int
    event: str
    generation: int
    previous: int
    job: str
    who: str
    reason: str


class AppsOut(NamedTuple):
    names: tuple[AppName, ...]


class UnitOut(NamedTuple):
    """A unit of the app, as the host sees it now."""

    name: str
    state: str
    """``active (running)``."""
    runs: int
    """The generation that its main process executes, or 0: it executes none, or that cannot be seen."""
    program: str
    """What it executes, or empty."""


class StatusOut(NamedTuple):
    current: Optional[RowOut]
    rollback_target: int
    newest: int
    generations: int
    job: Optional[JobId]
    """The job that runs now, or None."""
    unresolved: bool
    """Whether a job died between its switch and its outcome; the next activation resolves that."""
    drift: str
    """What is wrong with the ``current`` link, or ``""``."""
    hold: Optional[HoldOut]
    units: tuple[UnitOut, ...]
    """Those that the last activation was about."""
    changed: tuple[str, ...]
    """Paths of the current build that are not what they were, as far as a look at them tells."""
    builds: int
    free_bytes: int
    free_inodes: Optional[int]


class FindingOut(NamedTuple):
    """One thing that is, or was, not as it should be."""

    path: str
    problem: str
    mended: bool


class DamagedBuild(NamedTuple):
    """A build that could not be repaired with what the store has."""

    build: Digest
    app: Optional[AppName]
    """An app whose generation it is, or None where no generation needs it."""
    generation: int


class Verified(NamedTuple):
    generations: int
    builds: int
    objects: int
    bytes: int
    damaged: tuple[DamagedBuild, ...]
    """At most 1,000."""


class Verdict(NamedTuple):
    """One line of a collector's plan."""

    kind: str
    """``generation``, ``build``, or one of the remains: ``lease``, ``staged upload``, ``half-written file``,
    ``job``, ``helper``, ``damaged file``."""
    name: str
    app: str
    keep: bool
    reason: str
    bytes: int
    """What its removal frees; 0 for what is kept."""


class Collected(NamedTuple):
    objects: int
    """Objects that go."""
    bytes: int
    """Bytes that go, hard links counted once."""
    kept_generations: int
    warnings: tuple[str, ...]


class Failure(NamedTuple):
    kind: str
    what: str
    state: str
    hint: str

    @classmethod
    def of(cls, error: RelstoreError) -> Failure:
        return cls(type(error).__name__, *(text[:MAX_TEXT] for text in (error.what, error.state, error.hint)))

    def error(self) -> RelstoreError:
        return from_wire(*self)


REQUESTS = (
    Probe, Compare, Begin, Open, Put, Publish, Release, Activate, Watch, List, Fetch, Log, Apps, Status, Pin,
    Unpin, Delete, Hold, Unhold, Mark, Verify, Collect, Become, Preflight, Confirm, Cancel, InstallUnit,
    Past, Restore,
)  # fmt: skip
EVENTS = (Accepted, Step, Output)
REPLIES = (
    Hello, Done, Probed, Compared, Published, Released, Ended, RowOut, Listed, AppsOut, StatusOut, Unheld,
    Verified, Collected, Preflighted, Confirmed, Installed, PastOut, Failure,
)  # fmt: skip

Request = Union[
    Probe, Compare, Begin, Open, Put, Publish, Release, Activate, Watch, List, Fetch, Log, Apps, Status, Pin,
    Unpin, Delete, Hold, Unhold, Mark, Verify, Collect, Become, Preflight, Confirm, Cancel, InstallUnit,
    Past, Restore,
]  # fmt: skip

_BY_NAME: dict[str, Any] = {kind.__name__: kind for kind in (*REQUESTS, *EVENTS, *REPLIES)}


class Message(NamedTuple):
    """A decoded message, and how many bytes of body follow it."""

    value: Any
    body: int


def encode(value: Any, body: int = 0) -> bytes:
    """The payload of a message frame."""
    return pack.encode([type(value).__name__, shape.to_values(value), body])


def decode(payload: bytes, allowed: tuple[Any, ...]) -> Message:
    """The message in a payload, one of the ``allowed`` classes. Raises ProtocolError, FormatError."""
    found = pack.decode(payload, what="message", limit=MAX_FRAME_BYTES)
    if not isinstance(found, list) or len(found) != 3 or not isinstance(found[0], str):
        raise ProtocolError("a message that is not [name, fields, body]")
    kind = _BY_NAME.get(found[0])
    if kind is None or kind not in allowed:
        raise ProtocolError(f"the message {found[0][:40]!r} is not expected here")
    if type(found[2]) is not int or not 0 <= found[2] <= MAX_BODY_BYTES:
        raise ProtocolError(f"a {found[0]} message with a body of {found[2]!r} bytes")
    return Message(shape.from_values(kind, found[1]), found[2])
