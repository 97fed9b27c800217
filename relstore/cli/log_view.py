"""Lines of a service's log, as a terminal, a pipe and a program get them. What hosts write is hostile.

Not for asking hosts for them (``client.operations.logs``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from relstore.cli import text
from relstore.cli.console import Console, error_fields
from relstore.client.target import Target
from relstore.errors import RelstoreError
from relstore.protocol import LogLine

MAX_SHOWN = 4001
"""Characters of a line; no host that is as it should be sends more."""
_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red")


@dataclass(frozen=True)
class LogView:
    """Shows the lines of these hosts."""

    screen: Console
    targets: Sequence[Target]

    def show(self, target: Target, line: LogLine) -> None:
        """One line of the log, which is several where its message has several."""
        if self.screen.json:
            self.screen.document("logs", target=str(target), **_fields(line))
            return
        lead, style = self._lead(target)
        for part in _parts(line):
            self.screen.stream(lead, style, part)

    def fail(self, target: Target, error: RelstoreError) -> None:
        """The last word about a host."""
        if self.screen.json:
            self.screen.document("logs", target=str(target), error=error_fields(error))

    def flush(self) -> None:
        """Let everybody who reads it have what was shown."""
        sys.stdout.flush()

    def _lead(self, target: Target) -> tuple[str, str]:
        """What stands before a line, and its colour; nothing where there is one host."""
        if len(self.targets) == 1:
            return "", ""
        width = max(len(each.label) for each in self.targets)
        return f"{target.label.ljust(width)} | ", _COLOURS[self.targets.index(target) % len(_COLOURS)]


def in_order(found: Sequence[tuple[Target, Sequence[LogLine]]]) -> Iterator[tuple[Target, LogLine]]:
    """The lines of all hosts by their time. Those of one host keep their order, whatever its clock did, and a
    line without a time comes after the one before it."""
    keyed = []
    for index, (target, lines) in enumerate(found):
        latest = 0
        for line in lines:
            latest = max(latest, line.at)
            keyed.append((latest, index, target, line))
    keyed.sort(key=lambda each: each[:2])
    return ((target, line) for _, _, target, line in keyed)


def _parts(line: LogLine) -> Iterator[str]:
    when = f"{text.moment(line.at // 1_000_000)} " if line.at else ""
    writer = f"{line.unit}: " if line.unit else ""
    for part in line.text[:MAX_SHOWN].splitlines() or [""]:
        yield f"{when}{writer}{part}"


def _fields(line: LogLine) -> dict[str, Any]:
    seconds, micros = divmod(line.at, 1_000_000)
    moment = text.iso(seconds)
    return {
        "time": moment and f"{moment[:-1]}.{micros:06d}Z",
        "unit": line.unit,
        "pid": line.pid or None,
        "priority": line.priority,
        "message": line.text[:MAX_SHOWN],
    }
