"""What each host is doing, as lines: its step, for how long, and how much of it is done.

Not for drawing them (``live_area``), nor for the clock, which the caller reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from relstore.cli import text

CONNECTING = "connecting"
SENDING = "sending"
CHECKING = "checking"
STORED = "has the build"
FEW = 12
"""So many hosts have a line each. With more only those that work have one, below the sum of all."""
_WORKING = 10
_HEADING = 3
"""The lines that the sum of all hosts may take."""


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
        self.head = ""
        """Where a rollout is; empty where there is none, or not yet."""

    @property
    def are_many(self) -> bool:
        return len(self._of) > FEW

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
        from relstore.cli.wrap import cut, wrap  # only a terminal needs it

        room = max(rows - 2, 1)
        head = text.one_line(self._head())
        heading = wrap(head, columns, hang=2, ellipsis="...") if head else []
        if len(heading) > min(_HEADING, room):
            heading = [cut(head, columns, "...")]
        below = self._working(now) if self.are_many else self._each(now, max(room - len(heading), 1))
        return [*heading, *(cut(line, columns, "...") for line in below)][:room]

    def _each(self, now: float, room: int) -> list[str]:
        """A line for each host, as far as there is room."""
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
        return lines

    def _head(self) -> str:
        """One line for all hosts; empty where each has its own and there is no rollout."""
        if not self.are_many:
            return self.head
        steps = Counter(line.step for line in self._of.values())
        head = self.head or ", ".join(f"{count} {step}" for step, count in steps.items())
        return f"{text.plural(len(self._of), 'host')}: {head}"

    def _working(self, now: float) -> list[str]:
        """Lines of a few hosts that work."""
        busy = [name for name, line in self._of.items() if not line.is_done]
        shown = busy[:_WORKING]
        width = max(map(len, shown), default=0)
        lines = [
            f"  {text.one_line(name).ljust(width)}  {text.one_line(self._of[name].says(now))}"
            for name in shown
        ]
        if len(busy) > len(shown):
            lines.append(f"  and {len(busy) - len(shown)} more that work")
        return lines
