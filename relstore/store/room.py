"""Whether the disk has room for what is about to be written: a clear refusal instead of ENOSPC."""

from __future__ import annotations

import os

from relstore.errors import NoSpaceError
from relstore.store.directory import Dir

RESERVE_BYTES = 4 * 1024 * 1024
"""Left free for records, journals and the file system's own needs."""
RESERVE_INODES = 64
"""Left free for the same. A push must not use up what a switch back needs (``reserve``)."""


def free(root: Dir) -> tuple[int, int | None]:
    """The (bytes, inodes) that this account can still use; None where inodes are not counted (btrfs)."""
    file_system = os.fstatvfs(root.fd)
    return file_system.f_bavail * file_system.f_frsize, file_system.f_favail if file_system.f_files else None


def require(root: Dir, needed_bytes: int, needed_inodes: int) -> None:
    """Raises NoSpaceError when there is too little room."""
    have_bytes, have_inodes = free(root)
    advice = "Free some space: `relstore gc --keep 3 --dry-run` shows what would go."
    if needed_bytes + RESERVE_BYTES > have_bytes:
        raise NoSpaceError(
            f"too little disk space at {root.path}: "
            f"{needed_bytes:,} bytes are needed, {have_bytes:,} are free",
            state="Nothing was changed.",
            hint=advice,
        )
    if have_inodes is not None and needed_inodes + RESERVE_INODES > have_inodes:
        raise NoSpaceError(
            f"too few inodes at {root.path}: "
            f"{needed_inodes:,} and {RESERVE_INODES} in reserve are needed, {have_inodes:,} are free",
            state="Nothing was changed.",
            hint=advice,
        )
