"""A long history: what commands cost with 10,000 generations, to what they cost with ten.

Two stores with 50 other apps of ten generations each, and an app of ten generations or of many. Commands run
on both in turn, on a terminal, several times; what counts is the processor time of client and helper, as it
does not depend on what else the machine does. ``--older PATH`` also runs another checkout, on a third store
without checkpoints. Not for many files (``bench.scale``) nor for transfers (``python -m bench``).
"""

from __future__ import annotations

import argparse
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.scale import GROWTH
from relstore.formats.names import AppName
from tests.support.grown import FAILS, SIZE, grow

ROOT = Path(__file__).resolve().parent.parent
APP = AppName("web")
OTHERS = 50
TEN = 10


class Taken(NamedTuple):
    """What one command took."""

    processor: float
    """Seconds of the command and of the processes that it waited for."""
    wall: float


class Place(NamedTuple):
    """A store, and the checkout that is run on it."""

    name: str
    top: Path
    code: Path
    count: int

    def run(self, words: Sequence[str]) -> Taken:
        """Run relstore on a terminal; it must succeed."""
        ours, theirs = pty.openpty()
        reader = threading.Thread(target=_drain, args=(ours,))
        reader.start()
        began = time.monotonic()
        environment = {**os.environ, "PYTHONPATH": str(self.code), "HOME": str(self.top.parent)}
        process = subprocess.Popen(
            [sys.executable, "-m", "relstore", *words, "--app", APP, "--to", str(self.top)],
            stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=environment, cwd=self.top.parent,
        )  # fmt: skip
        os.close(theirs)
        _, status, used = os.wait4(process.pid, 0)
        took = time.monotonic() - began
        reader.join()
        os.close(ours)
        if status:
            raise SystemExit(f"{self.name}: {words} ended with {os.waitstatus_to_exitcode(status)}")
        return Taken(used.ru_utime + used.ru_stime, took)


def _drain(fd: int) -> None:
    try:
        while os.read(fd, 65536):
            pass
    except OSError:  # the other end was closed
        pass


def make(directory: Path, name: str, count: int, code: Path) -> Place:
    """A store with a history of ``count`` generations, and the artifact of its last release beside it."""
    place = Place(name, directory / name / "store", code, count)
    place.top.parent.mkdir()
    for number in range(OTHERS):
        grow(place.top, AppName(f"other-{number:02}"), TEN)
    grow(place.top, APP, count)
    artifact = place.top.parent / "artifact"
    artifact.mkdir()
    (artifact / "file").write_bytes(f"{APP} {count}".encode().ljust(SIZE, b"."))
    return place


def commands(place: Place, turn: int) -> dict[str, list[str]]:
    """What is run, by its name in the table. Switches go back and forth, so that each does something."""
    before = place.count - 1  # one that is good
    before -= before % FAILS == 0
    return {
        "status": ["status"],
        "list-generations": ["list-generations"],
        "log": ["log"],
        "unchanged push": ["push", "artifact"],
        "switch": ["switch-generation", str(before if turn % 2 else place.count)],
        "gc --keep 5 --dry-run": ["gc", "--keep", "5", "--dry-run"],
    }


def measure(places: Sequence[Place], turns: int) -> dict[str, dict[str, list[Taken]]]:
    """All commands on all places, one place after the other within a turn; the first turn does not count."""
    taken: dict[str, dict[str, list[Taken]]] = defaultdict(lambda: defaultdict(list))
    for turn in range(turns + 1):
        for work in commands(places[0], turn):
            for place in places:
                took = place.run(commands(place, turn)[work])
                if turn:
                    taken[work][place.name].append(took)
            last = {name: round(each[-1].processor, 2) for name, each in taken[work].items()}
            print(turn, work, last, flush=True)
    return taken


def table(taken: dict[str, dict[str, list[Taken]]], base: str) -> str:
    """Medians of processor seconds, and the ratio to ``base`` within each turn."""
    names = list(next(iter(taken.values())))
    lines = ["| work | " + " | ".join(names) + " |", "| --- |" + " --- |" * len(names)]
    for work, by_name in taken.items():
        cells = []
        for name in names:
            ratios = [one.processor / other.processor for one, other in zip(by_name[name], by_name[base])]
            seconds = statistics.median(one.processor for one in by_name[name])
            cells.append(f"{seconds:.2f} s" + ("" if name == base else f", {statistics.median(ratios):.2f}"))
        lines.append(f"| {work} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


PAGE = f"""{GROWTH}
`python -m bench.growth --write` makes this part. The commands are run on a terminal, in stores with
{OTHERS} other apps of {TEN} generations each. Each cell is the median of the processor time of client and
helper, and the ratio to the first column in the same turn. What an activation's own process takes is not
in it. `gc` plans to remove all but five, so it looks at each file that would go.

"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--generations", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="write the part of docs/scale.md")
    parser.add_argument("--older", type=Path, help="another checkout to run as well")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="relstore-growth-") as directory:
        top = Path(directory)
        places = [
            make(top, f"{TEN} generations", TEN, ROOT),
            make(top, f"{chosen.generations:,} generations", chosen.generations, ROOT),
        ]
        if chosen.older:
            places.append(make(top, "an older relstore", chosen.generations, chosen.older.resolve()))
        try:
            lines = table(measure(places, chosen.turns), places[0].name)
            print(lines)
            if chosen.write:
                page = ROOT / "docs" / "scale.md"
                before = page.read_text().partition(GROWTH)[0].rstrip()
                page.write_text(f"{before}\n\n{PAGE}{lines}\n")
        finally:
            subprocess.run(["chmod", "-R", "u+w", directory], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
