"""What a host's answer means: clocks that differ, and hosts that could not be asked."""

from __future__ import annotations

import pytest

from relstore.client.operations.host_check import clock_problems, not_reached
from relstore.errors import ConnectError, HelperError, HostKeyError
from relstore.protocol import HostChecked

HOUR = 3600.0


def said(began: float, ended: float, received: float, sent: float) -> list[str]:
    answer = HostChecked(int(received * 1e6), int(sent * 1e6), (), ())
    return [problem.what for problem in clock_problems(began, ended, answer)]


@pytest.mark.parametrize(
    ("began", "ended", "received", "sent", "words"),
    [
        (100, 101, 100.5, 100.6, ""),
        (100, 101, 109, 110, ""),
        (100, 101, 150, 150.5, "50 s ahead of"),
        (100, 101, 50, 50.5, "50 s behind"),
        (100, 101, 100 + 3 * HOUR, 101 + 3 * HOUR, "3 h ahead of"),
        # A minute on the way explains 25 s, but not an hour.
        (100, 160, 155, 155, ""),
        (100, 160, 130 + HOUR, 130 + HOUR, "60 min ahead of"),
        # A host may say anything.
        (100, 101, 9e12, -9e12, ""),
        (100, 101, 9e12, 9e12, "104166667 days ahead of"),
    ],
)
def test_clocks_are_compared_as_far_as_the_way_allows(
    began: float, ended: float, received: float, sent: float, words: str
) -> None:
    expected = [f"the clock is {words} this machine's [clock-differs]"] if words else []
    assert said(began, ended, received, sent) == expected


@pytest.mark.parametrize(
    ("error", "kind", "good"),
    [
        (ConnectError("web1 does not answer", hint="Is it up?"), "host-unreachable", []),
        (HostKeyError("another key", hint="Ask."), "host-key", []),
        (HelperError("there is no python3 on the host", hint="apt"), "helper-not-started", ["login"]),
    ],
)
def test_a_host_that_cannot_be_asked_has_one_finding(error: ConnectError, kind: str, good: list[str]) -> None:
    report = not_reached(error)
    (found,) = report.findings
    assert (found.kind, found.what, found.hint) == (kind, error.what, error.hint)
    assert [line.aspect for line in report.lines if line.state == "good"] == good
    assert [line.aspect for line in report.lines if line.state == "not-asked"][-1] == "front"
    assert report.obstacle is error
