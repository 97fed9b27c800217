"""How a push or a switch ended at one host, and the error that this means for a person.

Pure: from what the host recorded to a Result. Not for showing one (``cli.outcome_view``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from relstore import protocol
from relstore.client.target import Target
from relstore.client.transfer.upload import Stream
from relstore.errors import ReleaseFailedError, RelstoreError
from relstore.formats.journal import ACTIVE, FAILED, INTERRUPTED, ROLLED_BACK, STUCK

UNCHANGED = "unchanged"
STAGED = "staged"
SKIPPED = "skipped"
ERROR = "error"


@dataclass(frozen=True)
class Result:
    """How a push or a switch ended at one host."""

    target: Target
    outcome: str
    """An outcome of the journal, or one of the words above."""
    generation: int = 0
    previous: int = 0
    current: int = 0
    job: str = ""
    reason: str = ""
    streams: tuple[Stream, ...] = ()
    """What was sent for it."""
    error: RelstoreError | None = None
    freed: int | None = None
    """Bytes that the collection afterwards freed; None without one."""

    @property
    def sent(self) -> int:
        """Bytes on the wire."""
        return sum(stream.sent for stream in self.streams)

    @property
    def done(self) -> bool:
        """Whether the host runs what was asked for."""
        return self.outcome in (ACTIVE, UNCHANGED)


def from_error(target: Target, error: RelstoreError) -> Result:
    """The result of a host that could not be asked, or refused."""
    return Result(target, ERROR, error=error.on(target.label))


def from_ended(target: Target, ended: protocol.Ended) -> Result:
    """The result, with an error where the host did not end on what was asked for."""
    result = Result(
        target,
        ended.outcome,
        ended.generation,
        ended.previous,
        ended.current,
        ended.job or "",
        ended.reason,
    )
    return replace(result, error=_failure(target, ended))


def _failure(target: Target, ended: protocol.Ended) -> RelstoreError | None:
    if ended.outcome in (ACTIVE, UNCHANGED):
        return None
    now = f"generation {ended.current} is current" if ended.current else "no generation is current"
    first = ended.reason.partition("\n")[0]
    nothing = "" if ended.current == ended.generation else "; nothing was switched"
    error: RelstoreError
    if ended.outcome == ROLLED_BACK:
        error = ReleaseFailedError(
            f"generation {ended.generation} failed and the host went back: {ended.reason}",
            state=f"{now[0].upper()}{now[1:]}, as before.",
            hint="Look at the output above, mend the release and push again.",
        )
    elif ended.outcome == STUCK:
        error = ReleaseFailedError(
            f"generation {ended.generation} failed, and going back failed too: {ended.reason}",
            state=f"{now[0].upper()}{now[1:]}, but its restart failed: the service may be down.",
            hint="Log in and look at the service now; the link is right.",
        )
    elif ended.outcome == INTERRUPTED:
        error = RelstoreError(
            f"the activation was cut off: {first}",
            state=f"{now[0].upper()}{now[1:]}.",
            hint="`relstore status` shows what is; what is not settled, the next push or switch settles.",
        )
    elif ended.outcome == FAILED:
        error = RelstoreError(
            f"generation {ended.generation} was not activated: {ended.reason}",
            # The link decides: a host whose disk failed may say that it failed with the link moved.
            state=f"{now[0].upper()}{now[1:]}{nothing}.",
            hint=f"`relstore show {ended.generation}` has all of the reason; mend it and push again.",
        )
    else:
        error = RelstoreError(
            f"the host ended with the unknown outcome {ended.outcome[:40]!r}", state=f"{now}."
        )
    return error.on(target.label)
