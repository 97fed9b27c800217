"""The tables in docs/cut-over.md and docs/rollouts.md: what one run saw. A part that is not run keeps its rows.

Pure but for ``write``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.support.load.requests import Account
from tests.systemd.fronts import FRONTS

DOCUMENT = Path(__file__).parents[2] / "docs/cut-over.md"
_COUNTS = ("requests", "failed", "cut", "kept connections closed", "seen")
HEAD = ("in front", "what", *_COUNTS)
FLEET_HEAD = ("hosts", "what", *_COUNTS)
_TABLE = re.compile(r"(?s)(?<=<!-- proof -->\n\n).*?(?=\n\n<!-- end of proof -->)")


@dataclass(frozen=True)
class Row:
    """What one part saw at one front."""

    front: str
    """Or which hosts."""
    what: str
    asked: int
    failed: int
    cut: int
    closed: int
    seen: str
    wrong: tuple[str, ...] = ()
    """What is not as it must be; not in the table."""

    @classmethod
    def of(cls, front: str, what: str, account: Account, seen: str, wrong: Iterable[str] = ()) -> Row:
        return cls(
            front,
            what,
            account.asked,
            account.count("failed"),
            account.count("cut"),
            account.count("closed", "unanswered"),
            seen,
            tuple(wrong),
        )

    @property
    def cells(self) -> tuple[str, ...]:
        numbers = (self.asked, self.failed, self.cut, self.closed)
        return (self.front, self.what, *(f"{number:,}" for number in numbers), self.seen)


def merged(table: str, rows: Iterable[Row], head: tuple[str, ...] = HEAD) -> str:
    """``table`` with ``rows`` in the places of those of the same front and name, or after those of the same front."""
    kept = {}
    for line in table.splitlines()[2:]:
        cells = tuple(cell.strip() for cell in line.split("|")[1:-1])
        if len(cells) == len(head):
            kept[cells[:2]] = cells
    for row in rows:
        kept[row.cells[:2]] = row.cells
    lines = [head, tuple("---" for _ in head), *sorted(kept.values(), key=_place)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _place(cells: tuple[str, ...]) -> int:
    """Front by front; what has none comes last."""
    named = (index for index, front in enumerate(FRONTS) if cells[0].startswith(front.name))
    return next(named, len(FRONTS))


def write(rows: Iterable[Row], document: Path = DOCUMENT, head: tuple[str, ...] = HEAD) -> None:
    """Into the document, between its markers."""
    found = list(rows)
    document.write_text(_TABLE.sub(lambda match: merged(match[0], found, head), document.read_text()))
