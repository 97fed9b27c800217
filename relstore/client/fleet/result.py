"""How a push or a switch ended at one host, and the error that this means for a person.

Pure: from what the host recorded to a HostResult. Not for showing one (``cli.outcome_view``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from relstore import protocol
from relstore.client.target import Target
from relstore.errors import (
    ConnectError,
    HelperError,
    HostKeyError,
    ReleaseFailedError,
    RelstoreError,
    StuckError,
    UnhealthyError,
)
from relstore.formats.journal import ACTIVE
from relstore.formats.names import AppName, Digest

if TYPE_CHECKING:
    from relstore.client.transfer.upload import Stream

WAITING: Final = "waiting"
"""Nothing was done there yet; never the last word."""
STAGED: Final = "staged"
UNCHANGED: Final = "unchanged"
SKIPPED: Final = "skipped"
WITHDRAWN: Final = "withdrawn"
"""The host was on the release, and went back because the rollout failed."""
SUPERSEDED: Final = "superseded"
"""The host was on the release, and was to go back; but somebody had switched it by then."""
UNREACHABLE: Final = "unreachable"
"""The host could not be reached before anything was activated on it."""
ERROR: Final = "error"

Recorded = Literal["active", "rolled-back", "failed", "stuck", "interrupted", "unchanged"]
"""The outcomes that a host reports: those of its journal, and that there was nothing to do."""
Outcome = (
    Recorded | Literal["waiting", "staged", "skipped", "withdrawn", "superseded", "unreachable", "error"]
)
"""Those, and how far a host came that reported none."""


Left = Literal["", "good", "bad"]
"""What the generation that was left counts as from now on; empty where none was left, or it was not good."""


@dataclass(frozen=True)
class HostResult:
    """How a push or a switch ended at one host."""

    target: Target
    outcome: Outcome
    app: AppName | None = None
    """None where the host could not say which one is meant."""
    generation: int = 0
    previous: int = 0
    current: int = 0
    job: str = ""
    reason: str = ""
    build: Digest | None = None
    """That of the generation."""
    commit: str | None = None
    """What the generation's record says, where this machine knows that."""
    dirty: bool = False
    left: Left = ""
    streams: tuple[Stream, ...] = ()
    """What was sent for it."""
    error: RelstoreError | None = None
    ignored_findings: tuple[str, ...] = ()
    """The kinds of preflight's findings that were let pass."""
    freed: int | None = None
    """Bytes that the collection afterwards freed; None without one."""

    @property
    def sent(self) -> int:
        """Bytes on the wire."""
        return sum(stream.sent for stream in self.streams)

    @property
    def drawn(self) -> int:
        """Bytes that came from the origin."""
        return sum(stream.drawn for stream in self.streams)

    @property
    def done(self) -> bool:
        """Whether the host runs what was asked for."""
        return self.outcome in (ACTIVE, UNCHANGED) and self.error is None

    @property
    def went_back(self) -> bool:
        """Whether an older generation is live now."""
        return self.outcome == ACTIVE and self.generation < self.previous


def from_error(target: Target, error: RelstoreError, app: AppName | None = None) -> HostResult:
    """The result of a host that could not be asked, or refused."""
    return HostResult(target, ERROR, app, error=error.on(target.label))


def not_begun(target: Target, error: RelstoreError, app: AppName | None = None) -> HostResult:
    """As ``from_error``, of a host on which nothing can have been activated yet."""
    result = from_error(target, error, app)
    return replace(result, outcome=UNREACHABLE) if is_unreachable(error) else result


def is_unreachable(error: RelstoreError) -> bool:
    """Whether ``error`` says only that the host cannot be reached or entered.

    A key that is not the host's, and a helper that does not run, are for a person to judge.
    """
    return isinstance(error, ConnectError) and not isinstance(error, (HostKeyError, HelperError))


def from_ended(target: Target, app: AppName, ended: protocol.Ended) -> HostResult:
    """The result, with an error where the host did not end on what was asked for."""
    outcome = _outcome(ended)
    error = _failure(outcome, app, ended)
    return HostResult(
        target,
        outcome,
        app,
        ended.generation,
        ended.previous,
        ended.current,
        ended.job or "",
        ended.reason,
        error=error.on(target.label) if error is not None else None,
    )


def _outcome(ended: protocol.Ended) -> Outcome:
    for outcome in get_args(Recorded):
        if outcome == ended.outcome:
            return cast("Recorded", outcome)
    return ERROR


def _failure(outcome: Outcome, app: AppName, ended: protocol.Ended) -> RelstoreError | None:
    current = f"generation {ended.current} is current" if ended.current else "no generation is current"
    state = f"{current[0].upper()}{current[1:]}"
    # The link decides: a host whose disk failed may report a failure although the link has moved.
    switched = "" if ended.current == ended.generation else "; nothing was switched"
    first_line = ended.reason.partition("\n")[0]
    match outcome:
        case "active" | "unchanged":
            return None
        case "rolled-back":
            return ReleaseFailedError(
                f"generation {ended.generation} failed and the host went back: {ended.reason}",
                state=f"{state}, as before.",
                hint=f"Fix the release and push again; `relstore show {ended.generation}` keeps the reason.",
                app=app,
                generation=ended.generation,
            )
        case "stuck" if ended.previous == ended.generation:
            return UnhealthyError(
                f"generation {ended.generation} was restarted, but it is not healthy: {ended.reason}",
                state=f"{state}, as before; the service may be down.",
                hint="Look at the service, or go back with `relstore rollback`.",
                app=app,
                generation=ended.generation,
            )
        case "stuck":
            return StuckError(
                f"generation {ended.generation} failed, and going back failed too: {ended.reason}",
                state=f"{state}, but the way back to it did not succeed: the service may be down.",
                hint="Log in and look at the service now; the link is right.",
                app=app,
                generation=ended.generation,
            )
        case "interrupted":
            return RelstoreError(
                f"the activation of generation {ended.generation} did not complete: {first_line}",
                state=f"{state}.",
                hint="`relstore status` shows how things are. The next push or switch settles what is left.",
            )
        case "failed":
            return RelstoreError(
                f"generation {ended.generation} was not activated: {ended.reason}",
                state=f"{state}{switched}.",
                hint=f"`relstore show {ended.generation}` has the whole reason; fix it and push again.",
            )
    return RelstoreError(f"the host ended with the unknown outcome {ended.outcome[:40]!r}", state=f"{state}.")
