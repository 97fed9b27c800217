"""Which builds the host's processes use: execute, map, have open, stand in, or were started with.

A build is recognised by its id in any path, so that bind mounts, containers and deleted files are
seen too. Looking into another account's processes needs root; those that could not be looked into
are counted, never passed over in silence.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from relstore.store.names import Digest

_BUILD = re.compile(rb"/builds/([0-9a-f]{64})(?![0-9a-f])")
_CMDLINE_BYTES = 64 * 1024


class InUse(NamedTuple):
    builds: frozenset[Digest]
    unreadable: int
    """How many processes could not be looked into."""


def builds_in_use(proc: str = "/proc") -> InUse:
    """Scan all processes. A process that ends meanwhile counts as gone."""
    builds: set[Digest] = set()
    unreadable = 0
    for name in os.listdir(proc):
        if name.isdigit():
            used, complete = builds_used_by(int(name), proc)
            unreadable += not complete
            builds |= used
    return InUse(frozenset(builds), unreadable)


def builds_used_by(pid: int, proc: str = "/proc") -> tuple[frozenset[Digest], bool]:
    """The builds that one process uses, and whether all of it could be looked into."""
    paths, complete = _paths(f"{proc}/{pid}")
    found = {Digest(name.decode("ascii")) for path in paths for name in _BUILD.findall(path)}
    return frozenset(found), complete


def _paths(process: str) -> tuple[list[bytes], bool]:
    """Every path by which the process uses files, and whether all could be read."""
    found: list[bytes] = []
    complete = True
    for link in ("exe", "cwd", "root"):
        try:
            found.append(os.fsencode(os.readlink(f"{process}/{link}")))
        except PermissionError:
            complete = False
        except OSError:
            pass  # ended, or a kernel thread, which has no exe
    for name, limit in (("maps", -1), ("cmdline", _CMDLINE_BYTES)):
        try:
            with open(f"{process}/{name}", "rb") as file:
                found.append(file.read(limit).replace(b"\0", b"\n"))
        except PermissionError:
            complete = False
        except OSError:
            pass
    try:
        descriptors = os.listdir(f"{process}/fd")
    except PermissionError:
        return found, False
    except OSError:
        return found, complete
    for descriptor in descriptors:
        try:
            found.append(os.fsencode(os.readlink(f"{process}/fd/{descriptor}")))
        except PermissionError:
            complete = False
        except OSError:
            pass
    return found, complete
