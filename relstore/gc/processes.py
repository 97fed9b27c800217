"""Which builds the host's processes use: execute, map, have open, stand in, or were started with.

A build is recognised by its id in any path, so that bind mounts, containers and deleted files are
seen too. Looking into another account's processes needs root; of those that could not be looked into, the
start and the command line are told, and whether some are hidden altogether: neither counts as ended.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from relstore.formats.names import AppName, Digest

_BUILD = re.compile(rb"/builds/([0-9a-f]{64})(?![0-9a-f])")
_HELPER = re.compile(rb"/helpers/([0-9a-f]{64})(?![0-9a-f])")
_CMDLINE_BYTES = 64 * 1024
_FLAGS, _START = 6, 19
"""Fields of proc_pid_stat(5), counted from the one after the name."""
_KERNEL_THREAD = 0x00200000
_TICKS_S = 1 / os.sysconf("SC_CLK_TCK")
_HIDING = frozenset(
    ("hidepid=1", "hidepid=noaccess", "hidepid=2", "hidepid=invisible", "hidepid=4", "hidepid=ptraceable")
)


class ClosedProcess(NamedTuple):
    """A process of another account, of which only what everybody may read is known."""

    start: float
    """When it was started, in seconds since the host was booted."""
    command_line: bytes

    def names(self, app: AppName) -> bool:
        """Whether its command line leads through the directory of ``app`` in some store."""
        return f"/apps/{app}/".encode() in self.command_line


class InUse(NamedTuple):
    builds: frozenset[Digest]
    helpers: frozenset[str]
    """The digests of the helpers that are run."""
    closed: tuple[ClosedProcess, ...]
    """The processes that could not be looked into."""
    hidden: bool
    """Whether there may be processes of other accounts that are not listed, or of which nothing is told."""


def builds_in_use(proc: str = "/proc") -> InUse:
    """Scan all processes that are listed. A process that ends meanwhile counts as ended."""
    builds: set[Digest] = set()
    helpers: set[str] = set()
    closed: list[ClosedProcess | None] = []
    for name in os.listdir(proc):
        if name.isdigit():
            paths, complete = _paths(f"{proc}/{name}")
            if not complete:
                closed += _closed(f"{proc}/{name}")
            builds |= _named(_BUILD, paths)
            helpers |= _named(_HELPER, paths)
    known = tuple(process for process in closed if process is not None)
    return InUse(frozenset(builds), frozenset(helpers), known, None in closed or are_hidden(proc))


def _closed(process: str) -> list[ClosedProcess | None]:
    """The process as others see it; None where nothing is told.

    Empty for one that ended meanwhile, and for a thread of the kernel, which runs no build.
    """
    try:
        with open(f"{process}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        flags, start = int(fields[_FLAGS]), int(fields[_START])
        with open(f"{process}/cmdline", "rb") as file:
            command_line = file.read(_CMDLINE_BYTES)
    except PermissionError:
        return [None]
    except OSError:
        return []
    return [] if flags & _KERNEL_THREAD else [ClosedProcess(start * _TICKS_S, command_line)]


def are_hidden(proc: str = "/proc") -> bool:
    """Whether ``proc`` is mounted so that it tells only of what this account may look into (proc(5))."""
    try:
        with open(f"{proc}/self/mounts", encoding="utf-8", errors="surrogateescape") as lines:
            mounts = [line.split() for line in lines]
    except OSError:
        return True
    options = [words[3].split(",") for words in mounts if words[1] == proc and words[2] == "proc"]
    if not options or not _HIDING.intersection(options[-1]):
        return False
    if os.geteuid() == 0:
        return not os.path.exists(
            f"{proc}/1"
        )  # without its usual capabilities, root is an account like others
    groups = {f"gid={group}" for group in (os.getegid(), *os.getgroups())}
    return not groups.intersection(options[-1])


def builds_used_by(pid: int, proc: str = "/proc") -> tuple[frozenset[Digest], bool]:
    """The builds that one process uses, and whether all of it could be looked into."""
    paths, complete = _paths(f"{proc}/{pid}")
    return frozenset(_named(_BUILD, paths)), complete and not _is_hidden(pid, proc)


def _is_hidden(pid: int, proc: str) -> bool:
    """Whether the process exists and is not listed."""
    if os.path.exists(f"{proc}/{pid}"):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is another account's, so it exists
    return True


def _named(what: re.Pattern[bytes], paths: list[bytes]) -> set[Digest]:
    return {Digest(name.decode("ascii")) for path in paths for name in what.findall(path)}


def _paths(process: str) -> tuple[list[bytes], bool]:
    """Every path by which the process uses files, and whether all could be read."""
    paths: list[bytes] = []
    complete = True
    for link in ("exe", "cwd", "root"):
        try:
            paths.append(os.fsencode(os.readlink(f"{process}/{link}")))
        except PermissionError:
            complete = False
        except OSError:
            pass  # ended, or a kernel thread, which has no exe
    for name, limit in (("maps", -1), ("cmdline", _CMDLINE_BYTES)):
        try:
            with open(f"{process}/{name}", "rb") as file:
                paths.append(file.read(limit).replace(b"\0", b"\n"))
        except PermissionError:
            complete = False
        except OSError:
            pass
    try:
        descriptors = os.listdir(f"{process}/fd")
    except PermissionError:
        return paths, False
    except OSError:
        return paths, complete
    for descriptor in descriptors:
        try:
            paths.append(os.fsencode(os.readlink(f"{process}/fd/{descriptor}")))
        except PermissionError:
            complete = False
        except OSError:
            pass
    return paths, complete
