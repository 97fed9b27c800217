"""Push a file over a loopback sshd with relstore and with each peer that is installed, in turn.

Prints medians of whole commands and the ratio of each peer's to relstore's, pair by pair. Loopback
says what the tools themselves cost; slow links, deltas and more peers are not in here yet.
Not for pass or fail: a figure is never a test.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.hosts.sshd import SSHD, Sshd, public_directory

Work = Callable[[int], list[str]]
"""The command line of the Nth run."""


def measure(works: dict[str, Work], before: Callable[[int], None], runs: int) -> dict[str, list[float]]:
    """Wall seconds of each work, the works alternating; the first round is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for number in range(runs + 1):
        for name, work in works.items():
            before(number)
            began = time.perf_counter()
            subprocess.run(work(number), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if number:
                taken[name].append(time.perf_counter() - began)
    return taken


def show(title: str, taken: dict[str, list[float]]) -> None:
    print(f"\n{title}")
    ours = taken["relstore"]
    for name, seconds in taken.items():
        ratios = [one / other for one, other in zip(ours, seconds, strict=True)]
        ratio = "" if name == "relstore" else f"   relstore / {name}: {statistics.median(ratios):.2f}"
        low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
        print(f"  {name:10} {middle:7.3f} s  ({low:.3f} to {high:.3f}){ratio}")


def bench(server: Sshd, directory: Path, size: int, runs: int) -> None:
    home = directory / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "config").write_text(server.config.read_text())
    os.environ["HOME"] = str(home)
    artifact = directory / "artifact"
    config, place = str(server.config), f"{server.user}@{server.host}"
    relstore = [sys.executable, "-m", "relstore", "-q"]

    def to(number: int) -> list[str]:
        return ["--to", f"{place}:{server.port}:{directory}/stores/{number}"]

    def new_content(number: int) -> None:
        artifact.write_bytes(os.urandom(size))

    scp = ["scp", "-q", "-F", config, "-P", str(server.port), str(artifact), f"{place}:{directory}/by-scp"]
    rsync = [
        "rsync", "-e", f"ssh -F {config} -p {server.port}",
        str(artifact), f"{place}:{directory}/by-rsync",
    ]  # fmt: skip
    first: dict[str, Work] = {
        "relstore": lambda number: [*relstore, "push", str(artifact), *to(number)],
        "scp": lambda number: scp,
    }
    again: dict[str, Work] = {"relstore": lambda number: [*relstore, "push", str(artifact), *to(0)]}
    if shutil.which("rsync"):
        first["rsync -W"] = lambda number: [*rsync[:1], "-W", *rsync[1:]]
        again["rsync"] = lambda number: rsync
    show(f"First push of {size / 1e6:.0f} MB of random bytes", measure(first, new_content, runs))
    subprocess.run(again["relstore"](0), check=True)
    show("Unchanged push", measure(again, lambda number: None, runs))
    new_content(0)
    subprocess.run(again["relstore"](0), check=True)
    back: dict[str, Work] = {
        "relstore": lambda number: [*relstore, "switch-generation", str(1 + number % 2), *to(0)],
        "ssh ln": lambda number: [
            "ssh", "-F", config, "-p", str(server.port), place, f"ln -sfn {number} {directory}/link",
        ],
    }  # fmt: skip
    show(
        "Switch back (checked, recorded) beside a bare `ssh ln -sfn`",
        measure(back, lambda number: None, runs),
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--size", type=int, default=44_000_000, help="bytes (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each (default: %(default)s)")
    chosen = parser.parse_args()
    if not os.access(SSHD, os.X_OK) or not shutil.which("scp"):
        print("bench needs sshd and scp (Debian: openssh-server, openssh-client)", file=sys.stderr)
        return 2
    with public_directory() as directory:
        server = Sshd.start(directory)
        try:
            bench(server, directory, chosen.size, chosen.runs)
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
