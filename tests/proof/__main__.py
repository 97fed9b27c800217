"""Run all proofs and print a table. Exits with 1 if a promise is violated or a control is not caught."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.proof import (
    every_call,
    full_disk,
    hostile_bytes,
    hostile_client,
    hostile_host,
    neighbour,
    older,
    other_accounts,
    power_loss,
    races,
    services,
    state_machine,
    surroundings,
    taken_leases,
)
from tests.proof.tally import Tally

PROOFS = {
    "every call": every_call,
    "power loss": power_loss,
    "races": races,
    "state machine": state_machine,
    "full disk": full_disk,
    "hostile bytes": hostile_bytes,
    "hostile client": hostile_client,
    "hostile host": hostile_host,
    "neighbour": neighbour,
    "other accounts": other_accounts,
    "leases": taken_leases,
    "surroundings": surroundings,
    "older relstore": older,
    "services": services,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--proof", action="append", choices=PROOFS, help="default: all")
    parser.add_argument("--most", type=int, help="the most cases of each proof (default: all)")
    chosen = parser.parse_args()
    tallies: list[Tally] = []
    missing: list[str] = []
    for name in chosen.proof or PROOFS:
        why = PROOFS[name].missing()
        if why:
            missing.append(f"{name:48} not run: {why}")
            continue
        with tempfile.TemporaryDirectory(prefix="relstore-proof-") as directory:
            began = time.monotonic()
            for tally in PROOFS[name].prove(Path(directory), chosen.most):
                print(_line(tally), f"({time.monotonic() - began:.0f} s)", flush=True)
                for violation in tally.violations[:20]:
                    print(f"    {violation}")
                tallies.append(tally)
    print()
    print(f"{'tried':48} {'cases':>6} {'violations':>10}  controls")
    for tally in tallies:
        print(_line(tally))
    for line in missing:
        print(line)
    return 0 if not missing and all(tally.holds for tally in tallies) else 1


def _line(tally: Tally) -> str:
    controls = f"{len(tally.caught)} caught" if tally.caught else ""
    controls += "".join(f", {name} not caught" for name in tally.missed)
    return f"{tally.what:48} {tally.cases:6} {len(tally.violations):10}  {controls}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
