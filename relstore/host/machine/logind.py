"""What systemd-logind does to a session's processes when it ends, and how to be outside of that.

Reads only. Not for starting anything (``job.start``).
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from relstore.host.machine import tools
from relstore.store.root import account

_SESSION = re.compile(r"/session-[^/]+\.scope(/|\Z)")
_BUS = "org.freedesktop.login1"


class Logout(NamedTuple):
    """What a logout means for a process of this session."""

    kills: bool
    """Whether it ends the session's processes."""
    lingers: bool
    """Whether the account's own manager outlives the session."""
    account: str


def at_logout() -> Logout:
    """For the session that this process is in."""
    name = account(os.geteuid())
    lingers = os.path.exists(f"/var/lib/systemd/linger/{name}")
    if not _in_session():
        return Logout(False, lingers, name)
    return Logout(_kills(name), lingers, name)


def cgroup(path: str = "/proc/self/cgroup") -> str:
    """The control group of this process in systemd's own hierarchy, or ``""``."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return ""
    # The unified hierarchy says it, except on hosts that still have the old one alone.
    places = {controllers: place for _, controllers, place in (line.split(":", 2) for line in lines)}
    return places.get("") or places.get("name=systemd") or ""


def _in_session() -> bool:
    return bool(_SESSION.search(cgroup()))


def _kills(name: str) -> bool:
    """KillUserProcesses= with its two lists of exceptions (logind.conf(5))."""
    if _property("KillUserProcesses") != ["true"]:
        return False
    only = _property("KillOnlyUsers")
    return name not in _property("KillExcludeUsers") and (not only or name in only)


def _property(name: str) -> list[str]:
    """A property of logind's manager as words; none where it does not answer."""
    words = ["busctl", "get-property", _BUS, "/org/freedesktop/login1", f"{_BUS}.Manager", name]
    result = tools.run(words, seconds=5)
    if result.code != 0:
        return []
    kind, *values = result.out.split()
    return [value.strip('"') for value in (values[1:] if kind == "as" else values)]
