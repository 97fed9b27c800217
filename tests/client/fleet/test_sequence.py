"""Which host comes next, and which are left out, whatever happened at the others."""

from __future__ import annotations

import pytest

from relstore.client.fleet import sequence
from relstore.client.fleet.result import HostResult, Outcome, from_error, not_begun
from relstore.client.target import Target
from relstore.errors import (
    ConnectError,
    ConnectionLostError,
    HelperError,
    HostKeyError,
    ReleaseFailedError,
    RelstoreError,
)


def results(*outcomes: Outcome) -> list[HostResult]:
    """One host for each outcome, with an error where the outcome is a failure."""
    return [_result(Target.parse(f"web{number}"), outcome) for number, outcome in enumerate(outcomes)]


def _result(target: Target, outcome: Outcome) -> HostResult:
    if outcome == "error":
        return from_error(target, ConnectError("no route to host"))
    if outcome == "unreachable":
        return not_begun(target, ConnectError("no route to host"))
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


@pytest.mark.parametrize(
    ("outcomes", "tolerated", "expected"),
    [
        (["unreachable", "staged"], 0, None),
        (["unreachable", "staged"], 1, 1),
        (["unreachable", "unreachable", "staged"], 1, None),
        (["unreachable", "active", "staged"], 1, 2),
        (["unreachable", "failed", "staged"], 1, None),
        (["error", "staged"], 1, None),
        (["unreachable", "active"], 1, None),
    ],
)
def test_hosts_that_cannot_be_reached_have_a_limit_of_their_own(
    outcomes: list[Outcome], tolerated: int, expected: int | None
) -> None:
    assert sequence.next_host(results(*outcomes), tolerated) == expected
    skipped = [result.outcome for result in sequence.ended(results(*outcomes), tolerated)].count("skipped")
    assert (skipped > 0) is (expected is None and "staged" in outcomes)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ConnectError("no route"), "unreachable"),
        (ConnectionLostError("broke off"), "unreachable"),
        (HostKeyError("changed"), "error"),
        (HelperError("no python3"), "error"),
        (ReleaseFailedError("it failed"), "error"),
    ],
)
def test_what_counts_as_unreachable(error: RelstoreError, outcome: str) -> None:
    assert not_begun(Target.parse("web1"), error).outcome == outcome
