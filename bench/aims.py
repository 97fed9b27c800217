"""The ratios that relstore aims at, each held against what the cells measured. Pure.

Not for measuring (``measure``), nor for why one is missed: bench/aims.md says that.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.results import Result
from bench.tools import OURS

SECONDS, WIRE, MEMORY = "seconds", "wire", "memory"


@dataclass(frozen=True)
class Aim:
    """A figure of one cell, at most ``limit``: relative to ``peer``, or absolute where there is none."""

    work: str
    program: str
    link: str
    limit: float
    peer: str = "rsync -z"
    figure: str = SECONDS

    @property
    def cell(self) -> tuple[str, str, str]:
        return self.work, self.program, self.link


@dataclass(frozen=True)
class Held:
    """An aim, and what was measured."""

    aim: Aim
    measured: float

    @property
    def is_met(self) -> bool:
        return self.measured <= self.aim.limit


_SLOW, _MEDIUM, _FAST, _LOOPBACK = "20 Mbit/s, 40 ms", "100 Mbit/s, 20 ms", "1 Gbit/s", "loopback"
_EVERY_LINK = (_LOOPBACK, _FAST, _MEDIUM, _SLOW, "5 Mbit/s, 100 ms")
_MIB = 2**20

AIMS = (
    *(Aim("unchanged", "uv", link, 0.90) for link in (_LOOPBACK, _MEDIUM, _SLOW)),
    *(Aim("unchanged, kept connection", "uv", link, 1.15) for link in (_LOOPBACK, _MEDIUM, _SLOW)),
    Aim("next release", "uv", _SLOW, 0.38),
    Aim("next release", "ruff", _SLOW, 0.60),
    Aim("next release", "esbuild", _SLOW, 0.60),
    Aim("next release", "uv", _MEDIUM, 0.70),
    Aim("next release", "ruff", _MEDIUM, 0.85),
    Aim("next release", "esbuild", _MEDIUM, 0.85),
    *(Aim("next release", program, _FAST, 0.95) for program in ("uv", "ruff", "esbuild")),
    *(Aim("next release", "archive", link, 1.1) for link in _EVERY_LINK),
    *(Aim("first push", program, _LOOPBACK, 1.4, "scp") for program in ("uv", "ruff")),
    Aim("switch back", "ruff", _LOOPBACK, 1.6, "ssh ln"),
    *(Aim("1 % of a tree", tree, _LOOPBACK, 0.9, "rsync -az --link-dest") for tree in ("tree-20000", "tree")),
    Aim("ten hosts", "uv", _SLOW, 0.22, "rsync -z, in turn"),
    Aim("next release", "uv", _SLOW, 200 * _MIB, "", MEMORY),
)


def held(results: Iterable[Result]) -> list[Held]:
    """The aims whose cells were measured, with the peer that each one names, in the order of ``AIMS``."""
    by_cell = {result.cell: result for result in results}
    taken = ((aim, by_cell.get(aim.cell)) for aim in AIMS)
    return [
        Held(aim, _measured(aim, result))
        for aim, result in taken
        if result is not None and (not aim.peer or aim.peer in result.taken)
    ]


def table(held_aims: Sequence[Held]) -> str:
    """In Markdown, one line an aim."""
    lines = ["| what | to | at most | measured | |", "| --- | --- | --- | --- | --- |"]
    for one in held_aims:
        aim = one.aim
        what = f"{aim.work}, {aim.program}, {aim.link}"
        word = "met" if one.is_met else "**missed**"
        if aim.figure == MEMORY:
            what, limit, measured = f"{what}: memory of the client", *map(_mib, (aim.limit, one.measured))
        else:
            limit, measured = f"{aim.limit:.2f}", f"{one.measured:.2f}"
        lines.append(f"| {what} | {aim.peer or '-'} | {limit} | {measured} | {word} |")
    return "\n".join(lines)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over the pairs of runs, which alternated."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def _mib(size: float) -> str:
    return f"{size / _MIB:.0f} MiB"


def _measured(aim: Aim, result: Result) -> float:
    ours: Sequence[float] = getattr(result.taken[OURS], aim.figure)
    if not aim.peer:
        return statistics.median(ours)
    return ratio(ours, getattr(result.taken[aim.peer], aim.figure))
