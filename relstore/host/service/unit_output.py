"""The last lines that units wrote since something was done with them, for the reason of a failure.

A restart ends the previous run first, and its last words say nothing about the new one: an excerpt begins
after them. Not for the output of the deployer's own commands, which is in the job's log.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from relstore.formats.names import UnitName
from relstore.host.machine import tools
from relstore.host.service.systemd import Systemd
from relstore.store.root import account

_LINES = 20
_BYTES = 4000
_SECONDS = 10
_DIRECTORIES = ("/run/log/journal", "/var/log/journal")
_ENTRY = re.compile(r"([0-9]+\.[0-9]+) .*?: (.*)")


class UnitOutput:
    """What these units of one manager write from ``begin`` on."""

    def __init__(self, systemd: Systemd, units: Sequence[UnitName], *, user: bool) -> None:
        self._systemd = systemd
        self._units = units
        self._selector = "--user-unit" if user else "--unit"
        self._begun = 0.0
        self._previous: dict[UnitName, str] = {}

    def begin(self) -> None:
        """What is written from here on counts, without what the runs of this moment still write."""
        self._begun = time.time()
        self._previous = {unit: self._systemd.state(unit).invocation for unit in self._units}

    def quoted(self, until: float) -> str:
        """The last lines before ``until`` (seconds since 1970), to add to a reason; or why there are none."""
        quoted = ""
        for unit in self._units:
            lines = self._lines(unit, until)
            if lines:
                quoted += f"\nthe last lines of {unit}:" + "".join(f"\n  {line}" for line in lines)
            elif not is_readable():
                name = account(os.geteuid())
                quoted += (
                    f"\n{name} may not read the journal of {unit}; once, as root there: "
                    f"usermod -aG systemd-journal {name}"
                )
        return quoted

    def _lines(self, unit: UnitName, until: float) -> list[str]:
        since = max(self._begun, self._end_of_previous(unit))
        # journalctl takes no notice of --since beside -n, so the lines are cut here.
        printed = self._journal(unit, ["-n", str(_LINES), "--until", f"@{until:.6f}"])
        return messages_after(since, printed)[-_BYTES:].splitlines()

    def _end_of_previous(self, unit: UnitName) -> float:
        """When the previous run wrote its last line; 0 where it is the present one, as after a reload."""
        previous = self._previous.get(unit, "")
        if not previous or self._systemd.state(unit).invocation == previous:
            return 0
        # The unit's own lines have the first name, and systemd's about it one of the others.
        own = f"_SYSTEMD_INVOCATION_ID={previous} + INVOCATION_ID={previous} + USER_INVOCATION_ID={previous}"
        return max((line.time for line in _parse(self._journal(unit, ["-n", "1", *own.split()]))), default=0)

    def _journal(self, unit: UnitName, words: Sequence[str]) -> str:
        reading = [
            "journalctl",
            self._selector,
            unit,
            "-o",
            "short-unix",
            "--no-hostname",
            "--no-pager",
            "-q",
        ]
        result = tools.run([*reading, *words], seconds=_SECONDS)
        return result.out if result.code == 0 else ""


class _Line(NamedTuple):
    """One entry of the journal; ``text`` may have several lines."""

    time: float
    text: str


def messages_after(since: float, printed: str) -> str:
    """What ``journalctl -o short-unix`` has ``printed`` of the time after ``since``, the messages alone."""
    return "\n".join(line.text for line in _parse(printed) if line.time > since)


def _parse(printed: str) -> list[_Line]:
    lines: list[_Line] = []
    for text in printed.splitlines():
        match = _ENTRY.match(text)
        if match:
            lines.append(_Line(float(match[1]), match[2]))
        elif lines:  # the rest of a message of several lines
            lines[-1] = _Line(lines[-1].time, f"{lines[-1].text}\n{text.strip()}")
    return lines


def is_readable(directories: Sequence[str] = _DIRECTORIES) -> bool:
    """Whether this account may read the system's journal; so it is where there is none."""
    access = [readable for directory in directories for readable in _access(directory)]
    return not access or any(access)


def _access(directory: str) -> Iterator[bool]:
    """For each journal below ``directory``, and for what hides any: whether this account may read it."""
    try:
        with os.scandir(directory) as entries:
            machines = [entry.path for entry in entries]
    except PermissionError:
        yield False
        return
    except OSError:
        return
    for machine in machines:
        path = f"{machine}/system.journal"
        try:
            os.stat(path)
        except PermissionError:
            yield False
        except OSError:
            continue
        else:
            yield os.access(path, os.R_OK)
