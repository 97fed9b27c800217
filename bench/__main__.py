"""Push real releases with relstore and with its peers in turn, over real links, and print ratios.

Each cell, a link and a task, runs the tools one after the other, several times; the first round is not
counted. The program prints medians of wall time and of the bytes on the wire, and the ratio of relstore's
figure to each peer's, pair by pair. It keeps the results in bench/results.json; ``--write`` makes
docs/performance.md from all of them. Not for pass or fail: a figure is never a test. Needs root (for
namespaces) and, once, the network (pip and npm, for the releases); a peer that is not installed is left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from bench import chart, machine
from bench.cells import CELLS
from bench.links import SHAPES, link
from bench.measure import measure
from bench.releases import PAIRS, pair
from bench.report import page, show
from bench.results import load, save
from bench.room import Room
from tests.support.hosts.sshd import SSHD, public_directory

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of a tool (default: %(default)s)")
    parser.add_argument("--program", action="append", choices=PAIRS, help="default: all")
    parser.add_argument(
        "--link", action="append", choices=[shape.name for shape in SHAPES], help="default: all"
    )
    parser.add_argument("--work", action="append", choices=[cell.name for cell in CELLS], help="default: all")
    parser.add_argument("--everywhere", action="store_true", help="each task over each link, however long")
    parser.add_argument("--account", help="the account to log in to (default: the one that runs this)")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # remove namespaces and servers in any case
    missing = [name for name in ("scp", "rsync", "ip") if not shutil.which(name)]
    if missing or not os.access(SSHD, os.X_OK) or os.geteuid() != 0:
        print(
            f"bench needs root, sshd, scp, rsync and ip; missing: {missing or 'root or sshd'}",
            file=sys.stderr,
        )
        return 2
    downloads = Path(tempfile.gettempdir()) / "relstore-bench"
    results = load(RESULTS)
    for shape in SHAPES:
        if chosen.link and shape.name not in chosen.link:
            continue
        with link(shape) as up, public_directory() as directory, Room(up, directory, chosen.account) as room:
            for name in chosen.program or PAIRS:
                for cell in CELLS:
                    if name not in cell.pairs or (chosen.work and cell.name not in chosen.work):
                        continue
                    if cell.links and shape.name not in cell.links and not chosen.everywhere:
                        continue
                    new = measure(cell, room, pair(name, downloads), chosen.runs)
                    print(show(new), flush=True)
                    results = [*(one for one in results if one.cell != new.cell), new]
                    save(RESULTS, results)
    if chosen.write:
        words = (ROOT / "bench" / "aims.md").read_text()
        (ROOT / "docs" / "performance.md").write_text(page(results, words, machine.describe()))
        (ROOT / "docs" / "performance.svg").write_text(chart.draw(chart.bars(results)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
