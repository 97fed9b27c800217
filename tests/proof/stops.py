"""Scenarios that stop after a system call, so that something else can happen at that point."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.proof.scenarios import Ended, Scenario, copy
from tests.support.host_side import strace

_POLL_S = 0.02
_STOPPED = "--- stopped by SIGSTOP ---"


def calls(scenario: Scenario, names: Sequence[str], base: Path, directory: Path) -> Counter[str]:
    """How often the scenario makes each of the calls ``names`` when it runs alone."""
    trace = directory / f"{scenario.name}.trace"
    scenario.run(copy(base, directory / f"{scenario.name}.first"), ())  # it writes its bytecode once
    top = copy(base, directory / f"{scenario.name}.traced")
    traced = ",".join(f"?{call}" for call in names)
    ended = scenario.run(top, ["strace", "-qq", "-o", str(trace), "-e", f"trace={traced}"])
    if not scenario.acknowledged(top, ended) or list(scenario.promised(top)):
        raise RuntimeError(f"{scenario.name} does not work at all: {ended}")
    return Counter(re.findall(r"^(\w+)\(", trace.read_text(errors="replace"), re.MULTILINE))


class Running(threading.Thread):
    """A running scenario, which stops after its ``number``-th ``call`` if it is told to; ``ended`` is None until then."""

    def __init__(self, scenario: Scenario, top: Path, stop: tuple[str, int] | None = None) -> None:
        super().__init__(daemon=True)
        self.scenario = scenario
        self.ended: Ended | None = None
        self._top = top
        self._prefix = []
        if stop is not None:
            call, number = stop
            self._log = top.with_name(f"{top.name}.stopping")
            self._log.write_text("")
            self._prefix = strace(call, f"signal=STOP:when={number}", self._log)
        self.start()

    def run(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.ended = self.scenario.run(self._top, self._prefix)

    def wait_until_stopped(self) -> int:
        """The process that stopped, or 0 if the scenario ended without stopping."""
        while self.is_alive():
            # Only strace knows: a process that waits for a busy strace after any call looks stopped in /proc too.
            if _STOPPED in self._log.read_text(errors="replace"):
                return self._process()
            time.sleep(_POLL_S)
        return 0

    def _process(self) -> int:
        """The traced process of this run: the child of the strace that writes to its log."""
        for name in os.listdir("/proc"):
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
                if os.fsencode(self._log) in words:
                    (child,) = Path(f"/proc/{name}/task/{name}/children").read_text().split()
                    return int(child)
            except OSError:
                continue  # not a process, or one that has ended
        raise RuntimeError(f"no strace writes to {self._log}")
