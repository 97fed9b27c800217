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

_POLL_S = 0.02


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
    """A running scenario; ``ended`` is None until it has ended."""

    def __init__(self, scenario: Scenario, top: Path, prefix: list[str]) -> None:
        super().__init__(daemon=True)
        self.scenario = scenario
        self.ended: Ended | None = None
        self._top, self._prefix = top, prefix
        self.start()

    def run(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.ended = self.scenario.run(self._top, self._prefix)

    def wait_until_stopped(self, top: Path) -> int:
        """The process that stopped, or 0 if the scenario ended without stopping."""
        before: tuple[int, str] = (0, "")
        while self.is_alive():
            found = _standing_still(top)
            if found[0] and found == before:
                return found[0]
            before = found
            time.sleep(_POLL_S)
        return 0


def _standing_still(top: Path) -> tuple[int, str]:
    """The traced process that works on ``top`` and is stopped, with how often it was scheduled."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            status = Path(f"/proc/{name}/status").read_text()
        except OSError:
            continue
        if any(word.startswith(str(top).encode()) for word in words) and "\nState:\tt" in status.replace(
            "State:\tT", "State:\tt"
        ):
            return int(name), status[status.index("voluntary_ctxt") :]
    return 0, ""
