"""What was measured, as text: a cell on the terminal, all of them as docs/performance.md. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import groupby

from bench.cells import OURS, Result, Taken

_HEAD = """# Performance

This page is made by `make bench` (`bench/`): relstore and its peers do the same work in turn, over the same
link to a real sshd, on one machine of 2 cores. Times are medians of whole commands, from typing to the
prompt; of relstore they include what the others do not do: both digests, the verification, the durable
record, and an activation. *Wire* is what was counted at the interface, in both directions. A ratio is
relstore's to the peer's, the median over pairs of runs: below 1, relstore is ahead.

Releases are real: the programs from consecutive wheels. The client has its cache of the former release. A
link of 1 Gbit/s has no delay here; the others have the round trip that is given.
"""


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over the pairs of runs."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def show(result: Result) -> str:
    """One cell, for a terminal."""
    lines = [f"\n{result.program}, {result.work}, {result.link}"]
    ours = result.taken[OURS]
    for name, taken in result.taken.items():
        line = (
            f"  {name:16} {statistics.median(taken.seconds):7.2f} s  "
            f"{statistics.median(taken.wire) / 1e6:7.2f} MB  cpu {statistics.median(taken.cpu):5.2f} s"
        )
        if name != OURS:
            line += (
                f"   time {ratio(ours.seconds, taken.seconds):.2f}, wire {ratio(ours.wire, taken.wire):.2f}"
            )
        lines.append(line)
    return "\n".join(lines)


def page(results: Sequence[Result]) -> str:
    """All cells, in Markdown."""
    parts = [_HEAD]
    for work, cells in groupby(sorted(results, key=lambda one: one.work), key=lambda one: one.work):
        parts.append(f"## {work[0].upper()}{work[1:]}\n")
        parts.append(
            "| program | link | tool | seconds | wire, MB | client CPU, s | time, ratio | wire, ratio |"
        )
        parts.append("| --- | --- | --- | --- | --- | --- | --- | --- |")
        parts += [row for cell in cells for row in _rows(cell)]
        parts.append("")
    return "\n".join(parts)


def _rows(result: Result) -> list[str]:
    ours = result.taken[OURS]
    return [_row(result, name, taken, ours) for name, taken in result.taken.items()]


def _row(result: Result, name: str, taken: Taken, ours: Taken) -> str:
    cells = [
        result.program,
        result.link,
        name,
        f"{statistics.median(taken.seconds):.2f}",
        f"{statistics.median(taken.wire) / 1e6:.2f}",
        f"{statistics.median(taken.cpu):.2f}",
        "" if name == OURS else f"{ratio(ours.seconds, taken.seconds):.2f}",
        "" if name == OURS else f"{ratio(ours.wire, taken.wire):.2f}",
    ]
    return f"| {' | '.join(cells)} |"
