"""What a host waits for stands in its line while that lasts, cut to the terminal and as text alone."""

from __future__ import annotations

import pytest

from relstore.cli.host_lines import HostLines


def shown(columns: int, *told: tuple[str, str]) -> list[str]:
    lines = HostLines(["web1"], 0.0)
    lines.step("web1", "checking", 1.0)
    for step, text in told:
        lines.remark("web1", step, text, 5.0)
    return lines.shown(13.0, columns, 24)


@pytest.mark.parametrize(
    ("columns", "told", "expected"),
    [
        (80, [("checking", "last answer: 404")], "web1  checking 12 s, last answer: 404"),
        (80, [("checking", "last answer: 404"), ("checking", "")], "web1  checking 12 s"),
        (30, [("checking", "last answer: 404, body")], "web1  checking 12 s, last a..."),
        (80, [("checking", "a\x1b[2J\nb")], "web1  checking 12 s, a\\x1b[2J\\nb"),
        (80, [("returning", "last answer: 1")], "web1  returning 8 s, last answer: 1"),
    ],
)
def test_the_line_of_a_host(columns: int, told: list[tuple[str, str]], expected: str) -> None:
    assert shown(columns, *told) == [expected]
