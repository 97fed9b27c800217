"""Stops a job exactly at one of its steps, so that it, its client or the whole host can be taken away there."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from relstore.host.job import activation, cut_over, preparation, shift, values
from relstore.host.job.values import JobState
from tests.support.job_processes import process_of
from tests.systemd.deployer import Deployer

STEPS = (
    values.STARTED,
    preparation.VERIFYING,
    preparation.PREPARING,
    activation.SWITCHING,
    cut_over.STARTING,
    activation.CHECKING,
    shift.MOVING,
    shift.WATCHING,
    activation.CONFIRMING,
    activation.FINISHING,
    values.DONE,
    activation.RETURNING,
)
"""Every step of a job with slots. *Done* is when it drains; *returning* is only of a release that fails its check."""
LASTING = ("--before", "sleep 0.3", "--after", "sleep 0.3", "--health-stable", "1s")
"""Makes some of them last long enough to be seen."""
_SHORT = (activation.SWITCHING, shift.MOVING)
"""Over in less than a look takes."""
_SLOWED = "?symlink,symlinkat,fsync"
_DELAY_US = 100_000
_JOBS = "srv/web/apps/web/jobs"
_LOOK_S = 0.0002
_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Stopped:
    """A job that stands still, and the client that waits for it."""

    step: str
    """What its state on disk says."""
    job: str
    pid: int
    client: subprocess.Popen[str]

    def kill_job(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.client.kill()

    def leave_job(self) -> None:
        """Only the client is gone."""
        self.client.kill()
        os.kill(self.pid, signal.SIGCONT)


@contextmanager
def stopped_at(deployer: Deployer, step: str, *words: object) -> Iterator[Stopped]:
    """Run relstore with ``words``, and stop its job when it is at ``step`` or, where that is short, just after."""
    directory = deployer.host.root_path / _JOBS
    known = set(os.listdir(directory))
    with deployer.start(*words) as client, ExitStack() as slowed:
        pid = 0
        try:
            job = _new_job(directory, known, client)
            while not pid:
                pid = process_of(job)
            if step in _SHORT:
                slowed.enter_context(_slow(pid))
            _wait_for(directory / job / "state", STEPS.index(step), client)
            os.kill(pid, signal.SIGSTOP)
            yield Stopped(state_of(directory / job / "state").step, job, pid, client)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid or client.pid, signal.SIGCONT)
            client.kill()


@contextmanager
def _slow(pid: int) -> Iterator[None]:
    """Each link that the process makes takes a while, and each wait for the disk, so that every step does."""
    words = ["strace", "-qq", "-o", "/dev/null", "-p", str(pid), "-e", f"trace={_SLOWED}"]
    words += ["-e", f"inject={_SLOWED}:delay_enter={_DELAY_US}"]
    with subprocess.Popen(words) as tracer:
        try:
            yield
        finally:
            tracer.terminate()


def _new_job(directory: Path, known: set[str], client: subprocess.Popen[str]) -> str:
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline and client.poll() is None:
        for name in os.listdir(directory):
            if name not in known and not name.startswith("."):
                return name
        time.sleep(_LOOK_S)
    raise RuntimeError(f"no job was started: {client.communicate()}")


def _wait_for(path: Path, index: int, client: subprocess.Popen[str]) -> None:
    """Until the state names that step or a later one."""
    deadline = time.monotonic() + _TIMEOUT_S
    raw = b""
    while time.monotonic() < deadline:
        before = raw
        with contextlib.suppress(FileNotFoundError):
            raw = path.read_bytes()
        if raw != before:
            step = _parse(raw).step
            if step in STEPS and STEPS.index(step) >= index:
                return
        time.sleep(_LOOK_S)
    raise RuntimeError(
        f"the job never came to {STEPS[index]}, but to {_parse(raw).step}: {client.communicate()}"
    )


def state_of(path: Path) -> JobState:
    """What the file of a job's state says."""
    return _parse(path.read_bytes())


def _parse(raw: bytes) -> JobState:
    return values.decode(raw, "state", JobState)
