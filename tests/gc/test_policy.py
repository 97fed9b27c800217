"""What a retention policy keeps, and the words that it gives for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relstore.formats.journal import ACTIVE, FAILED, INTERRUPTED, ROLLED_BACK, STUCK
from relstore.formats.retention import Policy
from relstore.gc.policy import judge
from tests.support.histories import DAY, NOW, History, histories, policies, rows


def kept(policy: Policy, *outcomes: str, **more: object) -> list[int]:
    decisions = judge(policy, rows(*outcomes, **more), NOW)  # type: ignore[arg-type]
    return [number for number, decision in decisions.items() if decision.keep]


@pytest.mark.parametrize(
    ("keep", "outcomes", "expected"),
    [
        (None, (ACTIVE, FAILED, ""), [1, 2, 3]),
        (0, (ACTIVE, ACTIVE), []),
        (1, (ACTIVE, ACTIVE), [2]),
        (2, (ACTIVE, ACTIVE, ACTIVE), [2, 3]),
        (5, (ACTIVE, ACTIVE), [1, 2]),
        (2, (ACTIVE, ACTIVE, ROLLED_BACK, ROLLED_BACK), [1, 2]),
        (2, (ACTIVE, ACTIVE, FAILED, STUCK), [1, 2]),
        (2, (ACTIVE, ACTIVE, INTERRUPTED, ""), [1, 2]),
        (1, (FAILED, FAILED), []),
        (1, (), []),
    ],
)
def test_keep_counts_good_ones_only(keep: int | None, outcomes: tuple[str, ...], expected: list[int]) -> None:
    assert kept(Policy(keep, None), *outcomes, current=1 if outcomes else None) == expected


@pytest.mark.parametrize(
    ("age", "keep_within", "keeps"),
    [(0, 0, True), (DAY, DAY, True), (DAY + 1, DAY, False), (DAY, 0, False), (-DAY, 0, True)],
)
def test_keep_within_counts_from_the_release(age: int, keep_within: int, keeps: bool) -> None:
    """A release from the future (the host's clock was set back) is a young one."""
    assert bool(kept(Policy(None, keep_within), ACTIVE, ages={1: age})) is keeps


def test_both_keep_what_either_keeps() -> None:
    ages = {1: 9 * DAY, 2: 8 * DAY, 3: DAY, 4: 0}
    assert kept(Policy(2, 2 * DAY), ACTIVE, ACTIVE, FAILED, FAILED, ages=ages) == [1, 2, 3, 4]
    assert kept(Policy(1, 2 * DAY), ACTIVE, ACTIVE, FAILED, FAILED, ages=ages) == [2, 3, 4]


@pytest.mark.parametrize(
    ("policy", "outcome", "reason"),
    [
        (Policy(None, None), FAILED, "no policy was given"),
        (Policy(1, None), ACTIVE, "among the last 1 good ones"),
        (Policy(None, 30 * DAY), ACTIVE, "released within the last 30d"),
        (Policy(None, 7200), ACTIVE, "released within the last 2h"),
        (Policy(None, 90), ACTIVE, "released within the last 90s"),
        (Policy(None, 60), ACTIVE, "released within the last 1m"),
        (Policy(1, None), FAILED, "failed (failed)"),
        (Policy(1, None), ROLLED_BACK, "failed (rolled-back)"),
        (Policy(1, None), "", "never active, and older than the current one"),
        (Policy(1, None), INTERRUPTED, "never active, and older than the current one"),
        (Policy(0, None), ACTIVE, "beyond the last 0 good ones"),
    ],
)
def test_the_reason(policy: Policy, outcome: str, reason: str) -> None:
    assert judge(policy, rows(outcome), NOW)[1].reason == reason


def test_the_reason_of_an_old_good_one() -> None:
    assert (
        judge(Policy(None, DAY), rows(ACTIVE, ages={1: 2 * DAY}), NOW)[1].reason
        == "older than the policy keeps"
    )


@given(histories(), policies(), st.integers(0, 3), st.integers(0, DAY))
def test_asking_for_more_only_keeps_more(found: History, policy: Policy, more: int, longer: int) -> None:
    def numbers(asked: Policy) -> set[int]:
        return {number for number, decision in judge(asked, found.rows, NOW).items() if decision.keep}

    wider = Policy(
        None if policy.keep is None else policy.keep + more,
        None if policy.keep_within is None else policy.keep_within + longer,
    )
    assert numbers(policy) <= numbers(wider) <= numbers(Policy(None, None))
    if None not in policy:
        assert numbers(policy) == numbers(Policy(policy.keep, None)) | numbers(
            Policy(None, policy.keep_within)
        )
