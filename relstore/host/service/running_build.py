"""Tells whether a process executes a build: by its program, its open files, or its command line.

A service is started through ``current``, which the kernel resolves: ``/proc/PID/exe`` then names the build,
even if the file was deleted since. An interpreter is a file elsewhere, so its open files, directories and
maps count as well; and last the ``current`` path in its command line, if the process was started after the
switch. Not for all processes of the host (``gc.processes``).
"""

from __future__ import annotations

import os
from typing import NamedTuple, Optional

from relstore.formats.names import Digest
from relstore.gc import processes
from relstore.host.service import link_use


class Execution(NamedTuple):
    """Whether a process executes a build, and how that is known."""

    runs: Optional[bool]
    """None if nobody can tell."""
    program: str
    """What it executes, for people."""
    seen: bool
    """Whether ``/proc`` shows it to this account; if not, ``runs`` relies on what systemd says."""


def execution(pid: int, build: Digest, current: str, *, young: bool, through: bool) -> Execution:
    """Whether the process ``pid`` executes ``build``.

    ``current``: the absolute path of the app's link; ``young``: it was started after the switch;
    ``through``: its unit starts it through ``current``.
    """
    used, complete = processes.builds_used_by(pid)
    name = program(pid)
    if build in used:
        return Execution(True, name, True)
    if used:
        return Execution(False, name, True)
    if young and (through or _names_current(pid, current)):
        # The command line names the link, and the link led to this build when the process was started.
        return Execution(True, name, complete)
    return Execution(False if complete else None, name, complete)


def program(pid: int) -> str:
    """What the process ``pid`` executes, for people."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        pass
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read(4096).split(b"\0")[0].decode("utf-8", "replace") or f"process {pid}"
    except OSError:
        return f"process {pid}"


def _names_current(pid: int, current: str) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(64 * 1024).split(b"\0")
    except OSError:
        return False
    return any(link_use.goes_through(os.fsdecode(word), current) for word in words if word.startswith(b"/"))
