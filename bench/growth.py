"""A long history: what commands cost with 10,000 generations, to what they cost with ten.

Two stores with 50 other apps of ten generations each, and an app of ten generations or of many. Commands run
on both in turn, on a terminal, several times; what counts is the processor time of client and helper, as it
does not depend on what else the machine does. ``--older PATH`` also runs another checkout, on a third store
without checkpoints. ``--all-apps`` compares what reads all apps at once: a store with 50 apps of ten
generations, and one with 50 apps of many each, all but the last ten of which were collected. Not for many
files (``bench.scale``) nor for transfers (``python -m bench``).
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

    def run(self, words: Sequence[str], *, one_app: bool = True) -> Taken:
        """Run relstore on a terminal; it must succeed. ``one_app``: or else what it does for all apps."""
        ours, theirs = pty.openpty()
        reader = threading.Thread(target=_drain, args=(ours,))
        reader.start()
        began = time.monotonic()
        environment = {**os.environ, "PYTHONPATH": str(self.code), "HOME": str(self.top.parent)}
        app = ["--app", APP] if one_app else []
        process = subprocess.Popen(
            [sys.executable, "-m", "relstore", *words, *app, "--to", str(self.top)],
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


READING = {
    "status": ["status"],
    "status --check": ["status", "--check"],
    "list-generations": ["list-generations"],
    "log": ["log"],
    "metrics": ["metrics"],
    "show": ["show", "--app", f"{APP}-00"],
    "diff": ["diff", "-1", "--app", f"{APP}-00"],
    "check": ["check", "--app", f"{APP}-00"],
}
"""What reads all apps of a store, or one of many, and shows as much however long their histories are."""


def make_equal(directory: Path, count: int) -> Place:
    """A store with apps that all have ``count`` generations, of which the last ten are still there."""
    place = Place(f"{OTHERS} apps of {count:,}", directory / f"all-{count}" / "store", ROOT, count)
    for number in range(OTHERS):
        grow(place.top, AppName(f"{APP}-{number:02}"), count, kept=TEN)
    return place


def measure_reading(places: Sequence[Place], turns: int) -> dict[str, dict[str, list[Taken]]]:
    """As ``measure``, for what reads all apps; the first turn writes the checkpoints."""
    taken: dict[str, dict[str, list[Taken]]] = defaultdict(lambda: defaultdict(list))
    for turn in range(turns + 1):
        for work, words in READING.items():
            for place in places:
                took = place.run(words, one_app=False)
                if turn:
                    taken[work][place.name].append(took)
            last = {name: round(each[-1].processor, 2) for name, each in taken[work].items()}
            print(turn, work, last, flush=True)
    return taken


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


ALL_APPS = "## Long histories of all apps\n"
PAGE_OF_ALL = f"""{ALL_APPS}
`python -m bench.growth --all-apps --write` makes this part: all of the {OTHERS} apps of a store have the long
history, of which the last {TEN} generations are still there. `show`, `diff` and `check` are about one app,
the others about all. So many lines are shown whatever the length; with `--all`, in a pipe or on the page of
`history`, everything is shown, and that takes as long as it is.

"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--generations", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="write the part of docs/scale.md")
    parser.add_argument("--older", type=Path, help="another checkout to run as well")
    parser.add_argument("--all-apps", action="store_true", help="what reads all apps at once")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="relstore-growth-") as directory:
        top = Path(directory)
        run = measure_reading if chosen.all_apps else measure
        if chosen.all_apps:
            places = [make_equal(top, TEN), make_equal(top, chosen.generations)]
        else:
            places = [
                make(top, f"{TEN} generations", TEN, ROOT),
                make(top, f"{chosen.generations:,} generations", chosen.generations, ROOT),
            ]
        if chosen.older and not chosen.all_apps:
            places.append(make(top, "an older relstore", chosen.generations, chosen.older.resolve()))
        try:
            lines = table(run(places, chosen.turns), places[0].name)
            print(lines)
            if chosen.write:
                _write(lines, all_apps=chosen.all_apps)
        finally:
            subprocess.run(["chmod", "-R", "u+w", directory], check=True)
    return 0


def _write(lines: str, *, all_apps: bool) -> None:
    """Into docs/scale.md, whose last two parts these are."""
    page = ROOT / "docs" / "scale.md"
    before, _, rest = page.read_text().partition(GROWTH)
    one, _, every = rest.partition(ALL_APPS)
    parts = [f"{GROWTH}{one}", f"{PAGE_OF_ALL}{lines}"] if all_apps else [f"{PAGE}{lines}"]
    if every and not all_apps:
        parts.append(f"{ALL_APPS}{every}")
    page.write_text("\n\n".join(part.rstrip() for part in [before, *parts]) + "\n")


if __name__ == "__main__":
    sys.exit(main())
