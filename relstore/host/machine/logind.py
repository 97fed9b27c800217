"""What systemd-logind does to the processes of a session when it ends.

Reads only. Not for starting anything (``job.start``).
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from relstore.store.root import account

_SESSION = re.compile(r"/session-[^/]+\.scope(/|\Z)")
_BUS = "org.freedesktop.login1"


class Logout(NamedTuple):
    """What happens to the processes of this session at logout."""

    kills: bool
    """Whether logind kills them."""
    lingers: bool
    """Whether the account's own manager outlives the session."""
    account: str


def is_systemd_here() -> bool:
    """Whether the host runs systemd (sd_booted(3))."""
    return os.path.isdir("/run/systemd/system")


def at_logout() -> Logout:
    """What a logout does in the session of this process."""
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
    # The unified hierarchy has it, except on hosts that have only the old one.
    paths = {
        controllers: cgroup_path for _, controllers, cgroup_path in (line.split(":", 2) for line in lines)
    }
    return paths.get("") or paths.get("name=systemd") or ""


def _in_session() -> bool:
    return bool(_SESSION.search(cgroup()))


def _kills(name: str) -> bool:
    """KillUserProcesses= with its two lists of exceptions (logind.conf(5))."""
    if _property("KillUserProcesses") != ["true"]:
        return False
    only = _property("KillOnlyUsers")
    return name not in _property("KillExcludeUsers") and (not only or name in only)


def _property(name: str) -> list[str]:
    """A property of logind's manager as words; no words if it does not answer."""
    from relstore.host.machine import tools  # only in a session of logind's

    words = ["busctl", "get-property", _BUS, "/org/freedesktop/login1", f"{_BUS}.Manager", name]
    result = tools.run(words, seconds=5)
    if result.code != 0:
        return []
    kind, *values = result.out.split()
    return [value.strip('"') for value in (values[1:] if kind == "as" else values)]
