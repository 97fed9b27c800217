"""Whether an account other than root can change what a path names: root must not run such a file.

Judges by owners and modes. An access list that lets others write shows in the group's bits. Not for who may
enter a directory (``access``).
"""

from __future__ import annotations

import os
import stat

_MAX_LINKS = 40
"""As the kernel has it."""


def exposed(path: str) -> str:
    """The first directory or file on the way to ``path`` that others than root can change, or ``""``.

    Follows symlinks. A path that does not exist is judged as far as it does.
    """
    pending = _parts(path)
    place, status = "/", os.lstat("/")
    links = 0
    while not is_exposed(status):
        if not pending:
            return ""
        part = pending.pop()
        step = os.path.dirname(place) if part == ".." else os.path.join(place, part)
        try:
            inner = os.lstat(step)
        except FileNotFoundError:
            return place if _is_shared(status) else ""
        except OSError:
            return step  # what cannot be seen cannot be vouched for
        if stat.S_ISLNK(inner.st_mode):
            links += 1
            if links > _MAX_LINKS:
                return step
            target = os.readlink(step)
            pending += _parts(target)
            if target.startswith("/"):
                place, status = "/", os.lstat("/")
            continue
        place, status = step, inner
    return place


def is_exposed(status: os.stat_result) -> bool:
    """Whether others than root can change the file, or replace what is in the directory."""
    return status.st_uid != 0 or bool(status.st_mode & 0o022 and not _is_shared(status))


def _is_shared(status: os.stat_result) -> bool:
    """Whether it is a directory like /tmp: everybody may add files, and replace only their own."""
    return stat.S_ISDIR(status.st_mode) and bool(status.st_mode & stat.S_ISVTX and status.st_mode & 0o022)


def _parts(path: str) -> list[str]:
    """The parts of the path, the last one first."""
    return [part for part in path.split("/") if part not in ("", ".")][::-1]
