"""Values as text."""

from __future__ import annotations

import pytest

from relstore.cli import text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain näme ✓", "plain näme ✓"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb", "a\\x0db"),
        ("a\x08b", "a\\x08b"),
        ("c1 \x9b31m", "c1 \\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("\u2028line", "\\u2028line"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("half \udce9", "half \\udce9"),
        ("\x00\x7f", "\\x00\\x7f"),
    ],
)
def test_escape(given: str, shown: str) -> None:
    assert text.escape(given) == shown


def test_one_line_has_no_line_ends() -> None:
    assert text.one_line("a\nb\tc\x1b") == "a\\nb\\tc\\x1b"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (43_890_000, "43.9 MB"),
        (999_949_999, "999.9 MB"), (999_999_999, "1.0 GB"), (5 * 10**15, "5000.0 TB"),
    ],
)  # fmt: skip
def test_size(count: int, shown: str) -> None:
    assert text.size(count) == shown


def test_moments() -> None:
    assert text.moment(0) == "-"
    assert text.iso(0) is None
    assert text.iso(1_795_409_261) == "2026-11-23T04:47:41Z"


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (-20, "0 s ago"), (0, "0 s ago"), (119, "119 s ago"), (120, "2 min ago"), (7199, "119 min ago"),
        (7200, "2 h ago"), (47 * 3600, "47 h ago"), (48 * 3600, "2 d ago"), (59 * 86_400, "59 d ago"),
    ],
)  # fmt: skip
def test_age(ago: int, shown: str) -> None:
    assert text.age(1_795_409_261 - ago, 1_795_409_261) == shown


@pytest.mark.parametrize("seconds", [0, 1_795_409_261, 2**62])
def test_an_age_that_says_little_is_a_time(seconds: int) -> None:
    assert text.age(seconds, 1_795_000_000) == text.moment(seconds)
    assert text.age(1_700_000_000, 1_795_000_000) == text.moment(1_700_000_000)[:10]


def test_plural() -> None:
    assert [text.plural(count, "file") for count in (0, 1, 1200)] == ["0 files", "1 file", "1,200 files"]


def test_columns_are_aligned_and_ragged_at_the_end() -> None:
    assert text.columns(["a", "name"], [["10", "x"], ["2", "longer"]]) == ["a   name", "10  x", "2   longer"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (12, "12 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172_800, "2 d"),
    ],
)
def test_a_length_of_time_is_shown_in_its_largest_whole_unit(seconds: int, shown: str) -> None:
    assert text.duration(seconds) == shown


@pytest.mark.parametrize("seconds", [2**62, 2**63 - 1, -(2**62), 10**17])
def test_a_time_that_no_calendar_has_is_shown_as_a_number(seconds: int) -> None:
    assert text.moment(seconds) == f"@{seconds}"
    assert text.iso(seconds) is None
