"""Making a generation current, or restarting it: preflight, the request, following the job, confirming,
cancelling, and whether what is current is healthy.

Not for how a service is restarted and checked: a recipe says that (``formats.recipe``).
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from relstore.formats import finding
from relstore.formats.data_link import DataLink
from relstore.formats.executable import Executable
from relstore.formats.finding import FindingKind
from relstore.formats.names import AppName, JobId, UnitFileName
from relstore.formats.recipe import Escalation, Recipe


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


class Restart(NamedTuple):
    """Restart what is current, in a job, and check it. Events and reply as of Activate."""

    app: AppName
    generation: int
    """Refused unless this is the current one."""
    who: str
    recipe: Recipe
    override_hold: bool = False


class Inspect(NamedTuple):
    """Is what is current healthy? Changes nothing. Reply: Inspected."""

    app: AppName
    recipe: Recipe


class Become(NamedTuple):
    """The password for sudo, for what this session does next; it is kept in memory only. Reply: Done."""

    password: str


class Reject(NamedTuple):
    """The next activation of this session marks the generation that it leaves as bad if it succeeds, together
    with the record of its outcome. Reply: Done."""

    reason: str


class Withdraw(NamedTuple):
    """The next activation of this session is a rollout's way back: it happens only while ``generation`` is
    current, and records it as withdrawn together with its outcome. Reply: Done."""

    generation: int
    rollout: str
    """The rollout's id."""
    reason: str


class CutOld(NamedTuple):
    """The next activation of this session does not wait for the connections of the slot that it needs.
    Reply: Done."""


class Preflight(NamedTuple):
    """Would this host run it? Changes nothing. Reply: Preflighted."""

    app: AppName
    recipe: Recipe
    programs: tuple[Executable, ...]
    switch: bool
    """Whether an activation will follow; if not, the host checks only the programs."""
    links: Optional[tuple[DataLink, ...]] = None
    """What of the build leads to data outside, where anything does."""


class Confirm(NamedTuple):
    """The deployer could connect again. Reply: Confirmed."""

    app: AppName
    job: JobId
    token: bytes


class Cancel(NamedTuple):
    """Ask a job not to switch. Reply: Done; the job records whether it still could."""

    app: AppName
    job: JobId
    who: str


class InstallUnit(NamedTuple):
    """Put a unit file in place. Reply: Installed."""

    name: UnitFileName
    text: str
    user: bool
    become: Escalation
    replace: bool
    """Whether to replace another file of that name."""


class Supervisor(NamedTuple):
    """How are units managed on this host? Changes nothing. Reply: SupervisorOut."""


class Watch(NamedTuple):
    """Follow a job (the newest when None) to its end. Events and reply as of Activate."""

    app: AppName
    job: Optional[JobId]


class Problem(NamedTuple):
    """Why a host would not run it, and what to do."""

    what: str
    """A sentence that ends with the kind of the finding: ``… [unit-not-loaded]``."""
    hint: str

    @classmethod
    def of(cls, kind: FindingKind, what: str, hint: str) -> Problem:
        return cls(finding.marked(what, kind), hint)

    @property
    def kind(self) -> str:
        return finding.kind_of(self.what)


class Preflighted(NamedTuple):
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    """What is odd and stops nothing."""


class Inspected(NamedTuple):
    generation: int
    """The current one."""
    problem: str
    """Why it is not healthy, or ``""``."""


class Confirmed(NamedTuple):
    in_time: bool
    """False: the host had given up waiting, and returns to the previous generation. Read by nobody; it goes
    with the next version of the protocol."""


class Installed(NamedTuple):
    path: str
    changed: bool


class SupervisorOut(NamedTuple):
    systemctl: str
    """The path by which sudo runs systemctl; empty if it is not there."""
    lingers: bool
    """Whether the account's own manager outlives its sessions."""
    python: Optional[str] = None
    """The path of the interpreter that the helper runs in; None where that does not know it."""


class Accepted(NamedTuple):
    """From here on the host owns the activation."""

    job: JobId
    generation: int
    previous: int
    held_by: str
    """How the job is kept alive: ``nohup``, ``systemd-run``, ``systemd-run --user``."""


class Output(NamedTuple):
    """Some of the job's log."""

    data: bytes


class Ended(NamedTuple):
    """What the host recorded."""

    job: Optional[JobId]
    """None when there was nothing to do."""
    outcome: str
    generation: int
    previous: int
    current: int
    reason: str
