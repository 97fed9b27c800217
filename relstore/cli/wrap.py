"""Breaking text for a terminal of so many columns. Pure; it counts columns as a terminal does.

What belongs together stays on one line: a word, a time, an amount with its unit, a command in backticks.
Imported only where there is a terminal. Not for making text safe to print (``text``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len, set_cell_size

_WORD = re.compile(
    r"(?P<blanks>\s*)(?P<word>"
    r"\S?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S*"
    r"|\S?[\d.,]+ (?:[kMGT]?B|ms|s|min|h|d)\b(?: ago)?\S*"
    r"|`[^`]*`\S*"
    r"|\S+)"
)
_PIECE = re.compile(r"[^-/&?,;=]*[-/&?,;=]+|[^-/&?,;=]+")
"""Where a word that is wider than a line is broken: a path or an address after its separators."""


def wrap(text: str, width: int, *, hang: int = 0, ellipsis: str = "…") -> list[str]:
    """``text``, a line, as lines of at most ``width`` columns; all but the first begin with ``hang`` blanks.

    A line that fits stays as it is. ``ellipsis`` stands for the rest of what no line has room for.
    """
    if cell_len(text) <= width:
        return [text]
    hang = min(hang, width // 2)
    line = text[: len(text) - len(text.lstrip())]
    room = width - max(hang, len(line))
    lines: list[str] = []
    is_begun = False
    for blanks, whole in _words(text.strip(), room):
        word = cut(whole, room, ellipsis)
        if is_begun and cell_len(line + blanks + word) > width:
            lines.append(line)
            line, is_begun = " " * hang, False
        line += (blanks if is_begun else "") + word
        is_begun = True
    return [*lines, line]


def cut(text: str, width: int, ellipsis: str) -> str:
    """``text``, with ``ellipsis`` in place of what is beyond ``width`` columns."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - cell_len(ellipsis), 0)).rstrip() + ellipsis


def _words(text: str, room: int) -> Iterator[tuple[str, str]]:
    """What must not be broken, each with the blanks before it, in pieces where it is wider than ``room``."""
    for match in _WORD.finditer(text):
        blanks, word = match["blanks"], match["word"]
        if cell_len(word) <= room:
            yield blanks, word
            continue
        parts = word.split(" ") if " " in word else _PIECE.findall(word)
        between = " " if " " in word else ""
        for index, part in enumerate(parts):
            yield between if index else blanks, part
