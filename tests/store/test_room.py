"""Room on the disk."""

from __future__ import annotations

import os

from relstore.store import room
from relstore.store.directory import Dir


def test_what_is_free_is_what_this_account_may_use(directory: Dir) -> None:
    found = os.statvfs(directory.path)
    have_bytes, have_inodes = room.free(directory)
    assert abs(have_bytes - found.f_bavail * found.f_frsize) < 1 << 30
    assert have_inodes is None or have_inodes > 0
    room.require(directory, 1, 1)
