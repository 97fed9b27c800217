"""Which host comes next, and which are left out, whatever happened at the others."""

from __future__ import annotations

import pytest

from relstore.client.fleet import sequence
from relstore.client.fleet.result import HostResult, Outcome, from_error
from relstore.client.target import Target
from relstore.errors import ConnectError, ReleaseFailedError


def results(*outcomes: Outcome) -> list[HostResult]:
    """One host for each outcome, with an error where the outcome is a failure."""
    return [_result(Target.parse(f"web{number}"), outcome) for number, outcome in enumerate(outcomes)]


def _result(target: Target, outcome: Outcome) -> HostResult:
    if outcome == "error":
        return from_error(target, ConnectError("no route to host"))
    failed = outcome in ("rolled-back", "failed", "stuck", "interrupted")
    return HostResult(target, outcome, error=ReleaseFailedError("it failed") if failed else None)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], None),
        (["staged", "staged"], 0),
        (["active", "staged", "staged"], 1),
        (["unchanged", "staged"], 1),
        (["staged", "unchanged"], 0),
        (["unchanged", "unchanged"], None),
        (["active", "active"], None),
        (["waiting", "waiting"], 0),
        (["active", "waiting"], 1),
        (["error", "staged"], None),
        (["staged", "error"], None),
        (["rolled-back", "staged"], None),
        (["failed", "waiting"], None),
        (["active", "stuck", "staged"], None),
        (["interrupted", "staged"], None),
    ],
)
def test_the_first_host_that_waits_is_next_until_one_fails(
    outcomes: list[Outcome], expected: int | None
) -> None:
    assert sequence.next_host(results(*outcomes)) == expected


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["staged", "staged"], True),
        (["unchanged", "staged"], True),
        (["staged", "error"], False),
        (["error"], False),
    ],
)
def test_nothing_is_activated_after_a_failed_upload(outcomes: list[Outcome], expected: bool) -> None:
    assert sequence.may_begin(results(*outcomes)) is expected


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["staged", "error", "unchanged"], ["skipped", "error", "unchanged"]),
        (["active", "rolled-back", "staged"], ["active", "rolled-back", "skipped"]),
        (["error", "waiting", "waiting"], ["error", "skipped", "skipped"]),
        (["active", "active"], ["active", "active"]),
        (["staged", "unchanged"], ["staged", "unchanged"]),
    ],
)
def test_hosts_that_wait_are_skipped_only_after_a_failure(
    outcomes: list[Outcome], expected: list[Outcome]
) -> None:
    assert [result.outcome for result in sequence.ended(results(*outcomes))] == expected


def test_a_skipped_host_keeps_what_was_staged_there() -> None:
    staged = HostResult(Target.parse("web1"), "staged", generation=7, current=6)
    (skipped, _) = sequence.ended([staged, *results("error")])
    assert (skipped.outcome, skipped.generation, skipped.current) == ("skipped", 7, 6)


def test_only_hosts_that_run_the_release_collect() -> None:
    assert sequence.to_collect(results("active", "unchanged", "staged", "skipped", "error")) == [0, 1]
