"""What a host's result means to the rollout, and what a way back means to the host's result. Pure.

Not for what a host's record means to a person (``result``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from relstore.client.fleet.result import (
    ERROR,
    SUPERSEDED,
    UNCHANGED,
    UNREACHABLE,
    WITHDRAWN,
    HostResult,
)
from relstore.errors import (
    ConnectError,
    ConnectionLostError,
    DetachedError,
    LostJobError,
    ReleaseFailedError,
    RelstoreError,
    RolloutPausedError,
    SupersededError,
)
from relstore.formats.journal import ACTIVE, FAILED, INTERRUPTED, ROLLED_BACK, STUCK
from relstore.protocol import OnceRan

LEFT = (DetachedError,)
"""The errors of a host that somebody left to itself, so that nobody follows it."""
_LOST = (LostJobError, ConnectionLostError, DetachedError)

StagedState = Literal["staged", "unchanged", "unreachable", "refused"]
ActivatedState = Literal["active", "unchanged", "failed", "refused", "stuck", "unknown", "unreachable"]
ReturnedState = Literal["withdrawn", "active", "stuck", "unknown", "superseded", "failed"]


def staged_state(result: HostResult) -> StagedState:
    """What the host is in once it was asked. One whose service is not healthy already takes nothing."""
    if result.outcome == UNREACHABLE:
        return "unreachable"
    if result.error is not None:
        return "refused"
    return "unchanged" if result.outcome == UNCHANGED else "staged"


def activated_state(result: HostResult) -> ActivatedState:
    """What the host is in after its activation."""
    if result.error is None:
        return "unchanged" if result.outcome == UNCHANGED else "active"
    if result.outcome == UNREACHABLE:
        return "unreachable"
    if isinstance(result.error, _LOST):
        return "unknown"
    if result.outcome == STUCK:
        return "stuck"
    if result.outcome in (ROLLED_BACK, FAILED, INTERRUPTED):
        # The link decides: a job that was cut off may have left it on the release.
        is_on_release = result.current == result.generation != result.previous
        return "stuck" if is_on_release else "failed"
    return "refused"


def completed(result: HostResult, before: HostResult) -> HostResult:
    """``result``, of a host that was lost, with what was known of it."""
    return replace(
        result,
        build=before.build,
        commit=before.commit,
        dirty=before.dirty,
        streams=before.streams,
        ignored_findings=before.ignored_findings,
    )


def not_known(result: HostResult) -> HostResult:
    """Of a host that was not done in time, or did not say so."""
    if result.error is not None:
        return result
    error = RelstoreError(
        f"generation {result.generation}: whether it is active was not known in time",
        state="The host goes on by itself, and ends on a version that runs.",
        hint="`relstore attach` follows it; `relstore status` shows what is current.",
    )
    return replace(result, outcome=ERROR, error=error.on(result.target.label))


def may_return(result: HostResult) -> bool:
    """Whether the host runs the release by this rollout, and ran another one before."""
    return result.outcome == ACTIVE and 0 < result.previous != result.generation


def once_problem(ended: OnceRan) -> RelstoreError | None:
    """What the command that runs once means to the host that it ran on; None where it went well."""
    if ended.unclear:
        return RolloutPausedError(
            "the command that runs once began earlier, and how it ended is not known"
            + (f": {ended.problem}" if ended.problem else ""),
            state="Nothing was switched.",
            hint="Look whether it did its work. Then `relstore rollout resume --once-again` runs it again, "
            "and --skip-once goes on without.",
        )
    if ended.problem:
        return ReleaseFailedError(
            ended.problem,
            state="Nothing was switched. What the command did until then is not undone.",
            hint="`relstore log` of this host shows when it ran. Mend it, and run the command again.",
        )
    return None


@dataclass(frozen=True)
class Returned:
    """What a way back came to."""

    state: ReturnedState
    result: HostResult | None = None
    """None: as it was."""


def returned(result: HostResult, back: HostResult | None) -> Returned:
    """``result``: of the release; ``back``: of the way back, None where there was none."""
    if back is None:
        if result.outcome == ACTIVE:
            return Returned("active", replace(result, error=result.error or _nothing_before(result)))
        state = activated_state(result)
        return Returned("stuck" if state == "stuck" else "unknown" if state == "unknown" else "failed")
    if back.error is None:
        went = replace(result, outcome=WITHDRAWN, current=back.current, job=back.job)
        return Returned("withdrawn", went)
    if isinstance(back.error, SupersededError):
        return Returned("superseded", replace(result, outcome=SUPERSEDED, error=back.error))
    kept = replace(result, error=back.error, current=back.current or result.current)
    if isinstance(back.error, ConnectError | DetachedError):
        return Returned("unknown", kept)
    return Returned("stuck" if back.outcome == STUCK else "active", kept)


def _nothing_before(result: HostResult) -> RelstoreError:
    return RelstoreError(
        f"generation {result.generation} stays: it is the first one of this host",
        state="The release is live here, and not on the hosts that went back.",
        hint="Push a release that works, or stop the service by hand.",
    ).on(result.target.label)
