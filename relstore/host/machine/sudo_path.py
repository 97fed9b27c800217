"""Where sudo finds a tool on this host, for rules that name it by its path. Reads only."""

from __future__ import annotations

import os

from relstore.host.machine import tools

_SECURE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What distributions have as secure_path (sudoers(5)), which an account need not be able to read."""


def tool_path(name: str) -> str:
    """The path by which sudo would run ``name``; ``""`` if the tool is not there."""
    listed = tools.run(["sudo", "-n", "-l", "--", name], seconds=10)
    path = listed.out.split()[0] if listed.code == 0 and listed.out.split() else ""
    return path if os.path.isabs(path) and os.path.basename(path) == name else first_in(_SECURE_PATH, name)


def first_in(search_path: str, name: str) -> str:
    """The first executable of that name in the directories of ``search_path``, or ``""``."""
    for directory in search_path.split(":"):
        path = f"{directory}/{name}"
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return ""
