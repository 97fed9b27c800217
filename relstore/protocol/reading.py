"""Questions that change nothing: generations, journal, status, and the chain that a client has seen before.

Not for proving contents (``checking``).
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from relstore.formats.cut_over import Role, Slot
from relstore.formats.hold import AppHold
from relstore.formats.journal import LogKind
from relstore.formats.names import AppName, Digest, JobId

MAX_PAST = 256
"""Records in one reply to Past."""


class List(NamedTuple):
    """The generations of an app. Reply: Listed, its body a stream of RowOut."""

    app: AppName
    last: Optional[int] = None
    """Only so many of the last, and the current and pinned ones before them; None: all."""
    deleted: Optional[bool] = None
    """Whether deleted ones count among the last; without ``last`` all are sent."""


class Fetch(NamedTuple):
    """One generation and its manifest. Reply: RowOut, its body the manifest."""

    app: AppName
    spec: str


class Resolve(NamedTuple):
    """Which generation does a spec mean? Reply: Resolved."""

    app: AppName
    spec: Optional[str]
    """None: the current one."""


class Log(NamedTuple):
    """The log of an app: its journal, and what its jobs noted. Reply: Done, its body a stream of LogRow."""

    app: AppName
    last: Optional[int] = None
    """Only so many of the last events of the journal, and the intents of those that end among them, and what
    as many of the last jobs noted; None: all."""


class Apps(NamedTuple):
    """The names of the apps. Reply: AppsOut."""


class Past(NamedTuple):
    """Does the chain still contain the record that was seen last, and what came after it? Reply: PastOut."""

    app: AppName
    number: int
    """Of the record that the client saw last, or 0."""


class Status(NamedTuple):
    """What is current, what is running, and how much room is left. Reply: StatusOut."""

    app: AppName


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


class LogRow(NamedTuple):
    """A line of the log: an event of the journal, as that has it, or what a job noted after its outcome."""

    time: int
    event: LogKind
    generation: int
    previous: int
    job: str
    who: str
    reason: str
    connections: Optional[int] = None
    """How many were closed; None where none were, or where they could not be counted."""


class Listed(NamedTuple):
    current: int
    head: Optional[Digest]
    """The digest of the last record: the whole chain in one name."""
    left_out: Optional[int] = None
    """How many earlier ones there are that were not asked for; None where all were."""


class Resolved(NamedTuple):
    row: RowOut
    current: Optional[RowOut]


class PastOut(NamedTuple):
    """The body is a stream of the records after the one that was asked about, as they are on disk: MAX_PAST
    at most, and none when there was none to ask about."""

    number: int
    """Of the last record, 0 without one."""
    head: Optional[Digest]
    """The digest of the last record."""
    seen: Optional[Digest]
    """The digest of the record that was asked about."""


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


class SlotOut(NamedTuple):
    """A slot of the app, as the host sees it now."""

    name: Slot
    generation: int
    """What it is to run; 0 when it is free."""
    unit: str
    state: str
    """``active (running)``."""
    role: Role
    since: int
    """Since when it has that role, in seconds since 1970; 0 where that is not known."""
    seconds: int
    """For how long, by the host's own clock."""
    connections: Optional[int]
    """None where there are none to count (workers), or where they cannot be counted."""
    program: str
    """What its main process executes, or empty."""
    share: Optional[int] = None
    """The percentage of the traffic that it gets while that moves gradually; else None."""


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
    """What is wrong with the ``current`` link and with the units, a line each, or ``""``."""
    hold: Optional[AppHold]
    units: tuple[UnitOut, ...]
    """Those of the last activation."""
    changed: tuple[str, ...]
    """Paths of the current build that were changed, as far as their metadata tells."""
    builds: int
    free_bytes: int
    free_inodes: Optional[int]
    slots: Optional[tuple[SlotOut, ...]] = None
    """Both slots; None for an app without slots."""
