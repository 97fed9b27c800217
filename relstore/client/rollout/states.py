"""What a rollout and each of its hosts can be in, and what can happen to them. Plain values.

Not for what follows from what (``machine``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Phase = Literal[
    "planned",
    "staging",
    "once",
    "wave",
    "baking",
    "asking",
    "paused",
    "reverting",
    "done",
    "stopped",
    "reverted",
    "aborted",
    "taken-over",
]
PLANNED: Final = "planned"
STAGING: Final = "staging"
ONCE: Final = "once"
WAVE: Final = "wave"
BAKING: Final = "baking"
ASKING: Final = "asking"
"""The command that runs once began, and how it ended is not known: a person has to say."""
PAUSED: Final = "paused"
REVERTING: Final = "reverting"
DONE: Final = "done"
"""Every wave has had its turn."""
STOPPED: Final = "stopped"
"""It failed, and what was switched stays switched."""
REVERTED: Final = "reverted"
"""It failed, and what was switched was told to go back."""
ABORTED: Final = "aborted"
"""Somebody left it; the hosts that worked go on by themselves."""
TAKEN_OVER: Final = "taken-over"
"""Somebody else acts for it now, or for another one on its hosts."""
ENDS: tuple[Phase, ...] = (DONE, STOPPED, REVERTED, ABORTED, TAKEN_OVER)
WAITS: tuple[Phase, ...] = (PAUSED, ASKING)
"""For a person; the client ends."""

HostState = Literal[
    "pending",
    "unreachable",
    "refused",
    "staged",
    "unchanged",
    "activating",
    "active",
    "failed",
    "stuck",
    "unknown",
    "withdrawn",
    "superseded",
]
PENDING: Final = "pending"
UNREACHABLE: Final = "unreachable"
REFUSED: Final = "refused"
STAGED: Final = "staged"
UNCHANGED: Final = "unchanged"
ACTIVATING: Final = "activating"
ACTIVE: Final = "active"
FAILED: Final = "failed"
"""It went back by itself, or was never switched."""
STUCK: Final = "stuck"
UNKNOWN: Final = "unknown"
"""It was lost while it worked; it ends by itself."""
WITHDRAWN: Final = "withdrawn"
"""It was active, and went back because the rollout failed."""
SUPERSEDED: Final = "superseded"
"""It was active, and somebody switched it since."""

Verdict = Literal["released", "former", "mixed"]
"""What the hosts run at the end: all the release, all what they ran before, or neither."""


# --- what can happen ----------------------------------------------------------------------------


@dataclass(frozen=True)
class RolloutBegun:
    """Somebody starts it."""


@dataclass(frozen=True)
class TakenUp:
    """Somebody goes on with it, with what its hosts say."""

    phase: Phase
    wave: int
    waves: tuple[tuple[int, ...], ...]
    hosts: tuple[HostState, ...]
    """``unknown`` for one that cannot be reached and may have been switched."""
    why: str = ""
    """Why it goes on no more, if it does not."""


@dataclass(frozen=True)
class HostStaged:
    """A host was asked, and has the release, or not."""

    host: int
    state: Literal["staged", "unchanged", "unreachable", "refused"]


@dataclass(frozen=True)
class OnceEnded:
    """The command that runs once has ended; ``problem`` is empty when it went well."""

    problem: str = ""


@dataclass(frozen=True)
class OnceUnclear:
    """It began earlier, and how that ended is not known."""


@dataclass(frozen=True)
class HostEnded:
    """An activation ended, or was lost sight of (``unknown``). May come again for a host that was lost."""

    host: int
    state: Literal["active", "unchanged", "failed", "refused", "stuck", "unknown", "unreachable"]


@dataclass(frozen=True)
class HostUnwell:
    """A host that was switched is not healthy any more, or runs something else."""

    host: int


@dataclass(frozen=True)
class HostLost:
    """A host that was switched cannot be reached any more."""

    host: int


@dataclass(frozen=True)
class CheckFailed:
    """The check from outside failed, which is no single host's fault."""

    problem: str


@dataclass(frozen=True)
class Baked:
    """The hosts were watched for long enough after the wave."""

    wave: int


@dataclass(frozen=True)
class DeadlinePassed:
    """The wave has taken too long."""

    wave: int


@dataclass(frozen=True)
class Promoted:
    """A person lets it go on after a pause."""


@dataclass(frozen=True)
class PauseAsked:
    """A person wants it to pause after the wave."""


@dataclass(frozen=True)
class Abandoned:
    """A person leaves it."""


@dataclass(frozen=True)
class TakenOver:
    """A host says that somebody else acts for it now."""

    why: str


@dataclass(frozen=True)
class HostReturned:
    """A host was told to go back, and this is what it is in now."""

    host: int
    state: Literal["withdrawn", "active", "stuck", "unknown", "superseded", "failed"]


Event = (
    RolloutBegun
    | TakenUp
    | HostStaged
    | OnceEnded
    | OnceUnclear
    | HostEnded
    | HostUnwell
    | HostLost
    | CheckFailed
    | Baked
    | DeadlinePassed
    | Promoted
    | PauseAsked
    | Abandoned
    | TakenOver
    | HostReturned
)


# --- what is to be done -------------------------------------------------------------------------


@dataclass(frozen=True)
class StageAll:
    """Bring the release to every host, without activating it."""


@dataclass(frozen=True)
class RunOnce:
    """Run the command that runs once, there."""

    host: int


@dataclass(frozen=True)
class BeginWave:
    """A wave begins: its deadline runs from now on."""

    wave: int


@dataclass(frozen=True)
class ActivateHost:
    """Make the release current there."""

    host: int


@dataclass(frozen=True)
class Bake:
    """Watch every host that was switched, and ask the check."""

    wave: int


@dataclass(frozen=True)
class Pause:
    """Wait for a person."""

    wave: int


@dataclass(frozen=True)
class RevertHost:
    """Bring the host back to what its own job left, if what the job made current still is."""

    host: int


@dataclass(frozen=True)
class End:
    """Nothing is left to do."""


Action = StageAll | RunOnce | BeginWave | ActivateHost | Bake | Pause | RevertHost | End
