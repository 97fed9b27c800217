"""2,000 connections open at once through the front as it is printed, across a push and for longer than 90 s.

That is how long systemd waits for a unit to say that it is ready. All of them belong to the old slot, which drains.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.cut_over_proof.stage import Stage, stage
from tests.cut_over_proof.table import Row
from tests.support.hosts.systemd import Network
from tests.support.job_processes import process_of
from tests.support.load.running import REPOSITORY
from tests.systemd.fronts import Front

COUNT = 2000
SECONDS = 125
DRAIN_S = 200
_MEASURED_S = 20
_TIMEOUT_S = 400


def run(network: Network, directory: Path, front: Front) -> Iterator[Row]:
    with stage(network, directory, front, drain=DRAIN_S, flags=("--drain", f"{DRAIN_S}s")) as at:
        with start(at, COUNT, SECONDS) as crowd:
            assert crowd.stdout is not None
            first = int(crowd.stdout.readline())
            began, process = time.monotonic(), front_process(at)
            ran = at.push()
            wrong = [] if ran.code == 0 else [ran.err]
            used = _drain_seconds(at.last_job())
            again = int(crowd.communicate(timeout=_TIMEOUT_S)[0])
        lasted = time.monotonic() - began
        wrong += at.wait_for_one_slot()
        if not first == again == COUNT:
            wrong.append(f"{first} and then {again} of {COUNT} were answered")
        if front_process(at) != process:
            wrong.append("the front was started again")
        seen = (
            f"all {again:,} answered again after a push and {lasted:.0f} s, by the same process of the front; "
            f"the job used {used:.2f} s of a processor in {_MEASURED_S} s of its drain"
        )
        print(f"  {first} answered, {seen}", flush=True)
        failed = 2 * COUNT - first - again
        yield Row(
            front.name, f"{COUNT:,} connections open at once", 2 * COUNT, failed, 0, 0, seen, tuple(wrong)
        )


def _drain_seconds(job: str) -> float:
    """What a job that drains uses of a processor, with the commands that it runs."""
    before = _used(job)
    time.sleep(_MEASURED_S)
    return _used(job) - before


def _used(job: str) -> float:
    fields = Path(f"/proc/{process_of(job)}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


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
