"""Which builds the host's processes use: execute, map, have open, stand in, or were started with.

A build is recognised by its id in any path, so that bind mounts, containers and deleted files are
seen too. Looking into another account's processes needs root; those that could not be looked into
are counted, never passed over in silence.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from relstore.formats.names import Digest

_BUILD = re.compile(rb"/builds/([0-9a-f]{64})(?![0-9a-f])")
_HELPER = re.compile(rb"/helpers/([0-9a-f]{64})(?![0-9a-f])")
_CMDLINE_BYTES = 64 * 1024


class InUse(NamedTuple):
    builds: frozenset[Digest]
    helpers: frozenset[str]
    """The digests of the helpers that are run."""
    unreadable: int
    """How many processes could not be looked into."""


def builds_in_use(proc: str = "/proc") -> InUse:
    """Scan all processes. A process that ends meanwhile counts as gone."""
    builds: set[Digest] = set()
    helpers: set[str] = set()
    unreadable = 0
    for name in os.listdir(proc):
        if name.isdigit():
            paths, complete = _paths(f"{proc}/{name}")
            unreadable += not complete
            builds |= _named(_BUILD, paths)
            helpers |= _named(_HELPER, paths)
    return InUse(frozenset(builds), frozenset(helpers), unreadable)


def builds_used_by(pid: int, proc: str = "/proc") -> tuple[frozenset[Digest], bool]:
    """The builds that one process uses, and whether all of it could be looked into."""
    paths, complete = _paths(f"{proc}/{pid}")
    return frozenset(_named(_BUILD, paths)), complete


def _named(what: re.Pattern[bytes], paths: list[bytes]) -> set[Digest]:
    return {Digest(name.decode("ascii")) for path in paths for name in what.findall(path)}


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
