"""Run the proof, or parts of it, print what it saw, and write that to docs/rollouts.md. Exits with 1 if anything is wrong."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.cut_over_proof import table
from tests.cut_over_proof.table import Row
from tests.fleet_proof import controls, story
from tests.support.hosts.systemd import Network, why_no_systemd_hosts

DOCUMENT = Path(__file__).parents[2] / "docs/rollouts.md"
Part = Callable[[Network, Path], Iterator[Row]]
PARTS: dict[str, Part] = {
    "slots": partial(story.run, slots=10),
    "mixed": partial(story.run, slots=6, restarted=4),
    "controls": controls.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fleet_proof", description=__doc__)
    parser.add_argument("--part", action="append", choices=list(PARTS))
    chosen = parser.parse_args()
    reason = why_no_systemd_hosts() if os.geteuid() == 0 else "hosts with systemd need root"
    if reason:
        print(reason)
        return 1
    rows: list[Row] = []
    for name in chosen.part or PARTS:
        print(name, flush=True)
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="relstore-proof-") as directory, Network() as network:
            rows += PARTS[name](network, Path(directory) / "fleet")
        print(f"{name}: {time.monotonic() - began:.0f} s\n", flush=True)
        table.write(rows, DOCUMENT, table.FLEET_HEAD)
    print(f"\n{table.merged('', rows, table.FLEET_HEAD)}\n")
    wrong = [f"{row.front}, {row.what}: {problem}" for row in rows for problem in row.wrong]
    for problem in wrong:
        print(f"WRONG: {problem}")
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
