"""Which generations a retention policy keeps. Pure; every decision has a reason.

A policy only keeps generations: the others may be removed unless something else needs them (``plan``).
Without a policy every generation is kept. Not for the limit on the size (``plan``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from relstore.formats.generation import FAILED, NEVER_ACTIVE
from relstore.formats.retention import Policy
from relstore.store.history import Candidate


class Decision(NamedTuple):
    """Whether a generation is kept, and why."""

    keep: bool
    reason: str


def judge(policy: Policy, rows: Sequence[Candidate], now: int) -> dict[int, Decision]:
    """The policy's decision on each generation, by number. Failed ones never count as good (P7)."""
    if policy.keep is None and policy.keep_within is None:
        reason = "no policy was given" if policy.is_empty else "within the size limit"
        return {row.number: Decision(True, reason) for row in rows}
    good = [row.number for row in rows if row.is_good]
    last = set(good[-policy.keep :]) if policy.keep else set()
    return {row.number: _judge_one(policy, row, last, now) for row in rows}


def _judge_one(policy: Policy, row: Candidate, last: set[int], now: int) -> Decision:
    if row.number in last:
        return Decision(True, f"among the last {policy.keep} good ones")
    if policy.keep_within is not None and now - row.created <= policy.keep_within:
        return Decision(True, f"released within the last {_span(policy.keep_within)}")
    if row.state == FAILED:
        return Decision(False, f"failed ({row.outcome})")
    if row.state == NEVER_ACTIVE:
        return Decision(False, "never active, and older than the current one")
    if policy.keep is not None:
        return Decision(False, f"beyond the last {policy.keep} good ones")
    return Decision(False, "older than the policy keeps")


def _span(seconds: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
