"""What each host is doing, as lines: its step, for how long, and how much of it is done.

Not for drawing them (``live_area``), nor for the clock, which the caller reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from relstore.cli import text

CONNECTING = "connecting"
SENDING = "sending"
CHECKING = "checking"
STORED = "has the build"


@dataclass
class HostLine:
    """One host."""

    step: str
    since: float
    """When the step began."""
    remark: str = ""
    """How much is done, or what came last."""
    is_done: bool = False
    """Whether the host has nothing more to do, so that no time is shown."""

    def says(self, now: float) -> str:
        seconds = int(now - self.since)
        lasting = f" {text.duration(seconds)}" if seconds and not self.is_done else ""
        return f"{self.step}{lasting}{f', {self.remark}' if self.remark else ''}"


class HostLines:
    """All hosts of a command, in its order."""

    def __init__(self, hosts: Iterable[str], now: float) -> None:
        self._of = {host: HostLine(CONNECTING, now) for host in hosts}

    def step(self, host: str, step: str, now: float) -> None:
        """The host has begun with ``step``."""
        line = self._of.get(host)
        if line is None or line.step != step:
            self._of[host] = HostLine(step, now)

    def remark(self, host: str, step: str, remark: str, now: float) -> None:
        """How far the host is with ``step``."""
        self.step(host, step, now)
        self._of[host].remark = remark

    def end(self, host: str, outcome: str, now: float) -> None:
        """The host is done."""
        self._of[host] = HostLine(outcome, now, is_done=True)

    def shown(self, now: float, columns: int, rows: int) -> list[str]:
        """The lines that there is room for; hosts that are done give way first."""
        from relstore.cli.wrap import cut  # only a terminal needs it

        room = max(rows - 2, 1)
        names = list(self._of)
        if len(names) > room:
            busy = [name for name in names if not self._of[name].is_done]
            names = (busy + [name for name in names if self._of[name].is_done])[: room - 1]
        width = max(map(len, names), default=0)
        lines = [
            f"{text.one_line(name).ljust(width)}  {text.one_line(self._of[name].says(now))}" for name in names
        ]
        if len(names) < len(self._of):
            lines.append(f"and {text.plural(len(self._of) - len(names), 'more host')}")
        return [cut(line, columns, "...") for line in lines]
