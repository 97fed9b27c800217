"""``status --check``: one word and one line about an app at a host, as monitoring systems take them. Pure.

The levels are those of the Monitoring Plugins (Nagios, Icinga): their exit codes too. Not for asking a host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from relstore.cli import text
from relstore.protocol import StatusOut

_LEAST_BYTES = 64 * 1000 * 1000


class Level(IntEnum):
    """How bad it is; the value is the exit code."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


_BY_WEIGHT = (Level.OK, Level.WARNING, Level.UNKNOWN, Level.CRITICAL)


@dataclass(frozen=True)
class Verdict:
    """What is to be said of one app at one host."""

    level: Level
    problems: tuple[str, ...]
    """Why it is not OK."""

    def line(self, subject: str, otherwise: str) -> str:
        """``CRITICAL: web on web1: web.service failed``. What follows a ``|`` would count as measurements."""
        words = "; ".join(self.problems) or otherwise
        return text.one_line(f"{self.level.name}: {subject}: {words}").replace("|", "/")


def worst(levels: Iterable[Level]) -> Level:
    return max(levels, key=_BY_WEIGHT.index, default=Level.UNKNOWN)


def judge(state: StatusOut, complaint: str) -> Verdict:
    """``complaint``: why what is current is not healthy, or ``""``."""
    found = list(_problems(state, complaint))
    return Verdict(worst([Level.OK, *(level for level, _ in found)]), tuple(problem for _, problem in found))


def good_words(state: StatusOut, since: str) -> str:
    """What is said where nothing is wrong; ``since``: when what is current became that."""
    if state.current is None:
        return "nothing was activated yet"
    units = "".join(f", {unit.name} {unit.state.partition(' ')[0]}" for unit in state.units)
    under_way = f", job {state.job} is under way" if state.job else ""
    held = f", held by {state.hold.who}" if state.hold else ""
    return f"generation {state.current.number} is active since {since}{units}{under_way}{held}"


def _problems(state: StatusOut, complaint: str) -> Iterator[tuple[Level, str]]:
    if complaint:
        yield Level.CRITICAL, complaint.partition("\n")[0]
    if state.current is None and state.generations and not state.job:
        yield Level.CRITICAL, "no generation is current"
    current = state.current.number if state.current else 0
    for unit in state.units:
        active = unit.state.partition(" ")[0]
        if active == "failed":
            yield Level.CRITICAL, f"{unit.name} has failed"
        elif active != "active" and not state.job:
            yield Level.WARNING, f"{unit.name} is {unit.state}"
        elif unit.runs not in (0, current) and state.slots is None and not state.job:
            yield Level.WARNING, f"{unit.name} runs generation {unit.runs}, not {current}"
    if state.unresolved:
        yield Level.WARNING, "a job died before its outcome"
    for drift in state.drift.splitlines():
        yield Level.WARNING, drift
    if state.changed:
        yield (
            Level.WARNING,
            f"{text.plural(len(state.changed), 'file')} of the build changed: {state.changed[0]}",
        )
    if state.free_bytes < _LEAST_BYTES:
        yield Level.WARNING, f"{text.size(state.free_bytes)} are free"
