"""Which host comes next when a push or a switch goes through several, and which are left out. Pure.

Hosts that cannot be reached have a limit of their own (``tolerated``), up to which the others go on without
them. Not for doing anything at a host (``one_host``), nor for what an ending means there (``result``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from relstore.client.fleet.result import SKIPPED, STAGED, UNREACHABLE, WAITING, HostResult


def may_begin(results: Sequence[HostResult], tolerated: int = 0) -> bool:
    """Whether anything may be activated at all: an upload that failed at one host stops all of them."""
    unreachable = sum(result.outcome == UNREACHABLE for result in results)
    others = [result for result in results if result.outcome != UNREACHABLE]
    return unreachable <= tolerated and not any(result.error for result in others)


def next_host(results: Sequence[HostResult], tolerated: int = 0) -> int | None:
    """The index of the host to activate now, in the given order; None when nothing is left to activate.

    A host that failed stops it: what failed there would most likely fail on the next one too.
    """
    if not may_begin(results, tolerated):
        return None
    return next((index for index, result in enumerate(results) if _waits(result)), None)


def ended(results: Sequence[HostResult], tolerated: int = 0) -> list[HostResult]:
    """The results when nothing more is activated: after a failure, the hosts that still wait are skipped."""
    if may_begin(results, tolerated):
        return list(results)
    return [replace(result, outcome=SKIPPED) if _waits(result) else result for result in results]


def to_collect(results: Sequence[HostResult]) -> list[int]:
    """The indexes of the hosts that run the release, so that older ones may go."""
    return [index for index, result in enumerate(results) if result.done]


def _waits(result: HostResult) -> bool:
    return result.outcome in (WAITING, STAGED)
