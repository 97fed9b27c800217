"""Reads and controls systemd units, through ``systemctl``.

Not for judging whether a unit is healthy (``unit_health``), for what it writes (``unit_output``), nor for the
text of unit files (``client.unit_text``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from relstore.formats import systemctl
from relstore.formats.names import UnitName
from relstore.formats.recipe import Units
from relstore.host.machine import logind, tools
from relstore.host.machine.privilege import Privilege
from relstore.host.machine.tools import ToolResult
from relstore.host.service import timespan

_SHOW_S = 10
_DIRECTORIES = {
    "StateDirectory": "/var/lib",
    "CacheDirectory": "/var/cache",
    "LogsDirectory": "/var/log",
    "RuntimeDirectory": "/run",
}
"""Of a system unit, below which it has some of its own."""
_PROPERTIES = (
    "LoadState", "ActiveState", "SubState", "Result", "Type", "MainPID", "NRestarts", "ExecMainStatus",
    "ExecMainCode", "ExecMainStartTimestampMonotonic", "TriggeredBy", "User", "DynamicUser",
    "ExecStart", "WorkingDirectory", "RootDirectory", "ProtectHome", "StatusText",
    "Job", "TimeoutStartUSec", "TimeoutStopUSec",
    "NeedDaemonReload", "Environment", "BindPaths", "BindReadOnlyPaths", "Group",
    "SupplementaryGroups",
    "ConsistsOf", "RequiredBy", "BoundBy", "Wants", "Requires", "BindsTo", "Upholds", "Triggers",
    "InvocationID", "NonBlocking", "ProtectSystem", "ReadWritePaths", *_DIRECTORIES,
)  # fmt: skip
_PLACES = (
    "ExecStart", "WorkingDirectory", "RootDirectory", "Environment", "BindPaths", "BindReadOnlyPaths",
)  # fmt: skip


class UnitState(NamedTuple):
    """The state of a unit at one moment, from ``systemctl show``."""

    load: str
    active: str
    """``active``, ``activating``, ``inactive``, ``failed``, …"""
    sub: str
    """``running``, ``exited``, ``auto-restart``, …"""
    result: str
    """``success``, ``exit-code``, ``signal``, ``timeout``, ``start-limit-hit``, …"""
    type: str
    main_pid: int
    restarts: int
    exit_status: int
    started: int
    """When the main process was started, in microseconds of CLOCK_MONOTONIC."""
    triggered_by: tuple[str, ...]
    user: str
    dynamic_user: bool
    places: str
    """The settings that say what it runs, as systemd has loaded them: one text of its command, its working
    directory and root, its environment, and what is mounted for it."""
    protect_home: str
    status_text: str
    job: int
    """The number of systemd's pending job for the unit, or 0."""
    start_timeout: float
    """How many seconds systemd gives it to start; 0 where there is no limit."""
    stop_timeout: float
    needs_reload: bool
    """Whether its files have changed since systemd read them."""
    groups: tuple[str, ...]
    """The groups that the unit gives to its processes beside those of their account."""
    restarted_with: tuple[str, ...]
    """Units that are restarted when this one is: PartOf=, Requires= and BindsTo= of theirs name it."""
    pulls_in: tuple[str, ...]
    """Units that are started when this one is."""
    triggers: tuple[str, ...]
    """What a socket, a timer or a path starts."""
    invocation: str
    """Names its present or last run."""
    non_blocking: bool
    """Whether systemd passes it sockets that do not block."""
    protect_system: str
    writable: tuple[str, ...]
    """The paths that it may write to in spite of that."""

    @classmethod
    def parse(cls, text: str) -> UnitState:
        """From ``Key=Value`` lines. A missing or odd value is empty or 0: versions of systemd differ."""
        values: dict[str, str] = {}
        for line in text.splitlines():
            key, _, value = line.partition("=")
            # A unit with several commands has several ExecStart lines.
            values[key] = f"{values[key]}\n{value}" if key in values else value
        return cls(
            values.get("LoadState", ""),
            values.get("ActiveState", ""),
            values.get("SubState", ""),
            values.get("Result", ""),
            values.get("Type", ""),
            _number(values, "MainPID"),
            _number(values, "NRestarts"),
            _number(values, "ExecMainStatus"),
            _number(values, "ExecMainStartTimestampMonotonic"),
            _words(values, "TriggeredBy"),
            values.get("User", ""),
            values.get("DynamicUser", "") == "yes",
            "\n".join(values.get(key, "") for key in _PLACES),
            values.get("ProtectHome", ""),
            values.get("StatusText", ""),
            _number(values, "Job"),
            timespan.seconds(values.get("TimeoutStartUSec", "")),
            timespan.seconds(values.get("TimeoutStopUSec", "")),
            values.get("NeedDaemonReload", "") == "yes",
            _words(values, "Group", "SupplementaryGroups"),
            _words(values, "ConsistsOf", "RequiredBy", "BoundBy"),
            _words(values, "Wants", "Requires", "BindsTo", "Upholds"),
            _words(values, "Triggers"),
            values.get("InvocationID", ""),
            values.get("NonBlocking", "") == "yes",
            values.get("ProtectSystem", ""),
            _writable(values),
        )


class Systemd:
    """The manager that ``units`` belong to."""

    def __init__(self, units: Units, privilege: Privilege) -> None:
        self._scope = ["--user"] if units.user else []
        # The account's own manager needs no privilege, and root would reach another one.
        self._privilege = Privilege() if units.user else privilege

    @staticmethod
    def is_here() -> bool:
        """Whether the host runs systemd (sd_booted(3))."""
        return logind.is_systemd_here()

    def state(self, unit: UnitName) -> UnitState:
        """The state of the unit now; an empty one if the manager does not answer."""
        words = ["systemctl", *self._scope, "show", "-p", ",".join(_PROPERTIES), "--", unit]
        return UnitState.parse(tools.run(words, seconds=_SHOW_S).out)

    def reachable(self) -> str:
        """``""`` if the manager answers, else why it does not."""
        result = tools.run(["systemctl", *self._scope, "show", "-p", "Version"], seconds=_SHOW_S)
        return "" if result.code == 0 else result.said

    def act(self, action: systemctl.Words, unit: UnitName, *, seconds: float) -> str:
        """Do ``action`` with the unit. ``""`` on success, else what went wrong."""
        result = self._run([*action, unit], seconds=seconds)
        command = f"`systemctl {' '.join(action)} {unit}`"
        if result.code == tools.TIMED_OUT:
            return f"{command} did not end within {seconds:.0f} s"
        return "" if result.code == 0 else f"{command} failed: {_first(result)}"

    def clear_failures(self, unit: UnitName) -> None:
        """Let a unit be started again that crashed too often."""
        self._run([*systemctl.RESET_FAILED, unit], seconds=_SHOW_S)

    def kill(self, unit: UnitName) -> None:
        """Kill the processes of a unit that did not stop when it was asked to."""
        self._run([*systemctl.KILL, unit], seconds=_SHOW_S)

    def stop(self, unit: UnitName, *, seconds: float) -> str:
        return self.act(systemctl.STOP, unit, seconds=seconds)

    def stop_at_once(self, unit: UnitName) -> None:
        """Ask a unit to stop, and do not wait for that."""
        self._run([*systemctl.STOP_AT_ONCE, unit], seconds=_SHOW_S)

    def _run(self, words: list[str], *, seconds: float) -> ToolResult:
        return self._privilege.run(["systemctl", *self._scope, *words], seconds=seconds)


def _first(result: ToolResult) -> str:
    """The first line of systemctl's errors, which has the reason; hints follow it."""
    lines = [line for line in result.err.splitlines() if line.strip()]
    return lines[0].strip() if lines else f"exit code {result.code}"


def _words(values: Mapping[str, str], *keys: str) -> tuple[str, ...]:
    return tuple(word for key in keys for word in values.get(key, "").split())


def _writable(values: Mapping[str, str]) -> tuple[str, ...]:
    own = (f"{top}/{name}" for key, top in _DIRECTORIES.items() for name in _words(values, key))
    return (*(path.lstrip("-+") for path in _words(values, "ReadWritePaths")), *own)


def _number(values: Mapping[str, str], key: str) -> int:
    text = values.get(key, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
