"""What of a table goes into a terminal, and how text is broken there."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from relstore.cli.table import Column, drawn, fit
from relstore.cli.wrap import cut, wrap

COLUMNS = (Column("gen"), Column("size", rank=2), Column("who", rank=1), Column("note", wraps=True))


@pytest.mark.parametrize(
    ("natural", "width", "widths"),
    [
        ((3, 8, 10, 30), 80, {0: 3, 1: 8, 2: 10, 3: 30}),
        ((3, 8, 10, 30), 50, {0: 3, 1: 8, 2: 10, 3: 23}),
        ((3, 8, 10, 30), 42, {0: 3, 2: 10, 3: 25}),
        ((3, 8, 10, 30), 25, {0: 3, 3: 20}),
        ((3, 8, 10, 30), 15, {0: 3, 3: 10}),
        ((3, 8, 10, 4), 31, {0: 3, 1: 8, 2: 10, 3: 4}),
    ],
)
def test_columns_go_by_rank(natural: tuple[int, ...], width: int, widths: dict[int, int]) -> None:
    assert fit(COLUMNS, natural, width) == widths


@pytest.mark.parametrize("width", range(1, 90))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    rows = [
        ["1", "43.9 MB", "ada@laptop", "a note that is somewhat longer than the others are"],
        ["200", "1 B", "界" * 12, "https://ci.example.com/pipelines/1234567/jobs/7654321?view=log"],
    ]
    lines = drawn(COLUMNS, rows, {0: ["why " * 30]}, width, "…", lambda cell, _style: cell)
    if width >= 8:
        assert max(map(cell_len, lines)) <= width


def test_only_the_cell_of_its_column_has_a_colour() -> None:
    columns = (Column("state", styles={"failed": "red"}), Column("note"))
    lines = drawn(
        columns,
        [["failed, 4 s", "failed"]],
        {},
        80,
        "…",
        lambda cell, style: f"<{style}:{cell}>" if style else cell,
    )
    assert lines == ["<bold:state>        <bold:note>", "<red:failed, 4 s>  failed"]


@pytest.mark.parametrize(
    ("line", "width", "hang", "lines"),
    [
        ("fits", 4, 0, ["fits"]),
        ("one two three", 8, 2, ["one two", "  three"]),
        ("  label    one two", 15, 11, ["  label    one", "       two"]),
        ("at 2026-11-23 05:59:17 it was 3 h ago", 24, 0, ["at 2026-11-23 05:59:17", "it was 3 h ago"]),
        ("free 1,234.5 MB", 12, 0, ["free", "1,234.5 MB"]),
        ("see `relstore mark good 2` there", 24, 0, ["see", "`relstore mark good 2`", "there"]),
        ("/srv/web/apps/web/current", 12, 0, ["/srv/web/", "apps/web/", "current"]),
        ("0123456789abcdef", 8, 0, ["0123456…"]),
        ("界界界 界界", 7, 0, ["界界界", "界界"]),
    ],
)
def test_lines_are_broken_between_words(line: str, width: int, hang: int, lines: list[str]) -> None:
    assert wrap(line, width, hang=hang) == lines


@pytest.mark.parametrize(
    ("text", "width", "ellipsis", "shown"),
    [("abc", 3, "…", "abc"), ("abcd", 3, "…", "ab…"), ("abcdef", 5, "...", "ab..."), ("界界", 3, "…", "界…")],
)
def test_what_has_no_room_is_cut(text: str, width: int, ellipsis: str, shown: str) -> None:
    assert cut(text, width, ellipsis) == shown
