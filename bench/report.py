"""The results as text: one cell for the terminal, all of them as docs/performance.md. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import groupby

from bench import aims
from bench.aims import ratio
from bench.cells import CELLS
from bench.links import SHAPES
from bench.releases import PAIRS
from bench.results import Result, Taken
from bench.tools import OURS

_HEAD = """# Performance

`make bench` (`bench/`) makes this page. relstore and its peers do the same work in turn, over the same link
to a real sshd, on one machine:

{machine}.

Times are medians of whole commands, from typing to the prompt.
For relstore they include what the others do not do: both digests, the verification, the durable record, and
an activation. *Wire* is what was counted at the interface, in both directions. A ratio is relstore's figure
divided by the peer's, as the median over pairs of runs: below 1, relstore is ahead.

![Times relative to the peers](performance.svg)

The releases are real: the programs `uv` and `ruff` from consecutive wheels, `esbuild` from npm, and as
`archive` the wheels of ruff as they are, which do not compress. A *kept connection* is ssh's ControlMaster,
for all tools alike. The client has its cache of the previous release. The link of 1 Gbit/s has no delay here;
the others have the round trip that is given. *Memory* is that of the largest process at the client; tests
bound what the host's helper needs (`tests/e2e/test_large.py`). *Host CPU* is everything that ran on the host.
"""


def show(result: Result) -> str:
    """One cell, for a terminal."""
    lines = [f"\n{result.program}, {result.work}, {result.link}"]
    ours = result.taken[OURS]
    for name, taken in result.taken.items():
        seconds, wire, cpu, host_cpu, memory = _figures(taken)
        line = f"  {name:21} {seconds} s  {wire:>6} MB  cpu {cpu} s, host {host_cpu} s  {memory:>4} MiB"
        if name != OURS:
            line += (
                f"   time {ratio(ours.seconds, taken.seconds):.2f}, wire {ratio(ours.wire, taken.wire):.2f}"
            )
        lines.append(line)
    lines.append(f"  to the best peer: {_to_the_best(result)}")
    return "\n".join(lines)


def _to_the_best(result: Result) -> str:
    """The ratio of time to the fastest peer, and the ratio of bytes to the one that sends the fewest."""
    ours = result.taken[OURS]
    peers = {name: taken for name, taken in result.taken.items() if name != OURS}
    quickest = min(peers, key=lambda name: statistics.median(peers[name].seconds))
    leanest = min(peers, key=lambda name: statistics.median(peers[name].wire))
    time, wire = ratio(ours.seconds, peers[quickest].seconds), ratio(ours.wire, peers[leanest].wire)
    return f"time {time:.2f} ({quickest}), wire {wire:.2f} ({leanest})"


def page(results: Sequence[Result], words: str, machine: str) -> str:
    """All cells, in Markdown; ``words`` says why the targets are what they are, and why some are missed."""
    targets = f"## Targets\n\n{aims.table(aims.held(results))}\n"
    parts = [_HEAD.replace("{machine}", machine), targets, words]
    for work, group in groupby(sorted(results, key=_order), key=lambda one: one.work):
        cells = list(group)
        parts.append(f"## {work[0].upper()}{work[1:]}\n\nTo the best peer in each:\n")
        parts += [f"- {cell.program}, {cell.link}: {_to_the_best(cell)}" for cell in cells]
        parts.append("")
        parts.append(f"| {' | '.join(_COLUMNS)} |")
        parts.append(f"| {' | '.join('---' for _ in _COLUMNS)} |")
        parts += [row for cell in cells for row in _rows(cell)]
        parts.append("")
    return "\n".join(parts)


_COLUMNS = (
    "program",
    "link",
    "tool",
    "seconds",
    "wire, MB",
    "CPU, s",
    "host CPU, s",
    "memory, MiB",
    "time, ratio",
    "wire, ratio",
)


def _order(result: Result) -> tuple[int, int, int]:
    """A sort key: the order in which the cells, links and programs are listed."""
    works, links = [cell.name for cell in CELLS], [shape.name for shape in SHAPES]
    return works.index(result.work), links.index(result.link), PAIRS.index(result.program)


def _rows(result: Result) -> list[str]:
    ours = result.taken[OURS]
    return [_row(result, name, taken, ours) for name, taken in result.taken.items()]


def _row(result: Result, name: str, taken: Taken, ours: Taken) -> str:
    ratios = ["", ""]
    if name != OURS:
        ratios = [f"{ratio(ours.seconds, taken.seconds):.2f}", f"{ratio(ours.wire, taken.wire):.2f}"]
    cells = [result.program, result.link, name, *_figures(taken), *ratios]
    return f"| {' | '.join(cells)} |"


def _figures(taken: Taken) -> list[str]:
    """Medians: seconds, MB on the wire, processor seconds at the client and at the host, MiB."""
    return [
        f"{statistics.median(taken.seconds):.2f}",
        f"{statistics.median(taken.wire) / 1e6:.2f}",
        f"{statistics.median(taken.cpu):.2f}",
        f"{statistics.median(taken.host_cpu):.2f}",
        f"{statistics.median(taken.memory) / 2**20:.0f}",
    ]
