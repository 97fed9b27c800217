"""Has systemd move a running process into a scope of its own, which no end of a session ends.

It is what ``systemd-run --scope`` asks systemd for, without a new program in the process. Not for deciding
whether a scope is needed (``job.survival``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from relstore.host.machine import logind, tools

_CALL = (
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
    "StartTransientUnit",
    "ssa(sv)a(sa(sv))",
)
_CALL_S = 30.0
_MOVE_S = 10.0
_POLL_S = 0.002


class ScopeError(Exception):
    """It was not moved, and runs where it was."""


def move(pid: int, unit: str, description: str, *, user: bool) -> None:
    """Return once ``pid`` is in the new scope ``unit``; ``user``: of the account's own manager.

    Raises ScopeError.
    """
    asked = tools.run(_words(pid, unit, description, user=user), seconds=_CALL_S)
    if asked.code != 0:
        raise ScopeError(asked.said)
    # The answer only says that systemd will.
    deadline = time.monotonic() + _MOVE_S
    while f"/{unit}" not in logind.cgroup(f"/proc/{pid}/cgroup"):
        if time.monotonic() > deadline:
            raise ScopeError(f"{unit} was not there after {_MOVE_S:.0f} s")
        time.sleep(_POLL_S)


def _words(pid: int, unit: str, description: str, *, user: bool) -> Sequence[str]:
    properties = (
        *("Description", "s", description),
        *("CollectMode", "s", "inactive-or-failed"),
        *("PIDs", "au", "1", str(pid)),
    )
    manager = ["--user"] if user else []
    return ["busctl", *manager, "call", *_CALL, unit, "fail", "3", *properties, "0"]
