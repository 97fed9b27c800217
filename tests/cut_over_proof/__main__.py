"""Run the proof, or parts of it, print what it saw, and write that to docs/cut-over.md. Exits with 1 if anything is wrong."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.cut_over_proof import controls, crowds, deadlines, power_cuts, story, table
from tests.cut_over_proof.table import Row
from tests.support.hosts.systemd import Network, why_no_systemd_hosts
from tests.systemd.fronts import FRONTS, Front

Part = Callable[..., Iterator[Row]]
"""Called with a network, a directory and a front."""
PARTS: dict[str, Part] = {
    "story": story.run,
    "polite story": partial(story.run, ends="politely"),
    "power cuts": power_cuts.run,
    "deadlines": deadlines.run,
    "crowd": crowds.run,
}
PASSING_THROUGH = ("polite story", "crowd")
"""Parts about connections that callers keep to a slot: only of a front that passes these through."""
SHARED = ("story", "power cuts", "deadlines")
"""Parts of a shared socket, whose programs end politely in each, and which has no process that a crowd could exhaust."""
CONTROLS = "controls"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cut_over_proof", description=__doc__)
    parser.add_argument("--front", action="append", choices=[front.name for front in FRONTS])
    parser.add_argument("--part", action="append", choices=[*PARTS, CONTROLS])
    chosen = parser.parse_args()
    reason = why_no_systemd_hosts() if os.geteuid() == 0 else "hosts with systemd need root"
    if reason:
        print(reason)
        return 1
    parts = chosen.part or [*PARTS, CONTROLS]
    rows: list[Row] = []
    for front in FRONTS:
        if front.name not in (chosen.front or [front.name]):
            continue
        if not front.is_here:
            print(f"{front.name}: not run: there is no {front.program}")
            continue
        for part in parts:
            if part in PARTS and _is_of(front, part):
                rows += _run(f"{front.name}: {part}", partial(PARTS[part], front=front))
                table.write(rows)
    if CONTROLS in parts:
        rows += _run(CONTROLS, controls.run)
        table.write(rows)
    print(f"\n{table.merged('', rows)}\n")
    wrong = [f"{row.front}, {row.what}: {problem}" for row in rows for problem in row.wrong]
    for problem in wrong:
        print(f"WRONG: {problem}")
    return 1 if wrong or not rows else 0


def _is_of(front: Front, part: str) -> bool:
    if front.is_shared:
        return part in SHARED
    return front.passes_through or part not in PASSING_THROUGH


def _run(name: str, run: Callable[[Network, Path], Iterator[Row]]) -> list[Row]:
    """Each part has a network of its own."""
    print(name, flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="relstore-proof-") as directory, Network() as network:
        rows = list(run(network, Path(directory) / "host"))
    print(f"{name}: {time.monotonic() - began:.0f} s\n", flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
