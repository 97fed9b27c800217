"""2,000 connections open at once through the front as it is printed, for longer than systemd's start timeout of 90 s."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.cut_over_proof.stage import Stage, stage
from tests.cut_over_proof.table import Row
from tests.support.hosts.systemd import Network
from tests.support.load.running import REPOSITORY
from tests.systemd.fronts import Front

COUNT = 2000
SECONDS = 125
_TIMEOUT_S = 400


def run(network: Network, directory: Path, front: Front) -> Iterator[Row]:
    with stage(network, directory, front) as at:
        crowd = start(at, COUNT, SECONDS)
        with crowd:
            assert crowd.stdout is not None
            first = int(crowd.stdout.readline())
            process, began = front_process(at), time.monotonic()
            open_ = at.deployer.status()["units"]
            again = int(crowd.communicate(timeout=_TIMEOUT_S)[0])
        lasted = time.monotonic() - began
        wrong = [] if first == again == COUNT else [f"{first} and then {again} of {COUNT} were answered"]
        if front_process(at) != process:
            wrong.append("the front was started again")
        print(
            f"  {first} answered, {again} after {lasted:.0f} s, the front is process {process}; {open_}",
            flush=True,
        )
        seen = f"all {again:,} answered again after {lasted:.0f} s, by the same process of the front"
        failed = 2 * COUNT - first - again
        yield Row(
            front.name, f"{COUNT:,} connections open at once", 2 * COUNT, failed, 0, 0, seen, tuple(wrong)
        )


def start(at: Stage, count: int, seconds: float) -> subprocess.Popen[str]:
    host = at.deployer.host
    words = [*host.network.prefix, sys.executable, "-m", "tests.support.load.crowd", host.address, "80"]
    return subprocess.Popen(
        [*words, str(count), str(seconds)], stdout=subprocess.PIPE, cwd=REPOSITORY, text=True
    )


def front_process(at: Stage) -> str:
    """The main process of what stands in front."""
    unit = at.front.unit.replace(".socket", ".service")
    return at.deployer.host.run("systemctl", "show", "-P", "MainPID", unit).stdout.strip()
