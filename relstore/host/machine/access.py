"""Whether an account may enter a directory, by the modes of all directories above it. Not by access lists."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Sequence
from typing import Optional


def barrier(path: str, account: str, groups: Sequence[str] = ()) -> str:
    """The first directory on the way to ``path`` that ``account`` may not enter, or ``""``.

    ``account``: its name, or ``""`` for one that owns nothing and is in no group (DynamicUser=). ``groups``:
    the names of more groups that it is given. There is no barrier for an account that does not exist: systemd
    reports that better.
    """
    try:
        entry = pwd.getpwnam(account) if account else None
    except KeyError:
        return ""
    numbers = {number for name in groups for number in _group_number(name)}
    if entry:
        numbers |= _groups(account, entry.pw_gid)
    directory = "/"
    for part in ["", *[part for part in path.split("/") if part]]:
        directory = os.path.join(directory, part)
        try:
            status = os.stat(directory)
        except OSError:
            return ""  # it does not exist yet
        if not may_enter(status, entry.pw_uid if entry else -1, numbers):
            return directory.rstrip("/") or "/"
    return ""


def may_use(
    status: os.stat_result, account: str, groups: Sequence[str] = (), *, write: bool
) -> Optional[bool]:
    """Whether ``account`` may read what has this ``status``, and with ``write`` also change what is in the
    directory. None for an account that does not exist. The arguments are those of ``barrier``.
    """
    try:
        entry = pwd.getpwnam(account) if account else None
    except KeyError:
        return None
    numbers = {number for name in groups for number in _group_number(name)}
    if entry:
        numbers |= _groups(account, entry.pw_gid)
    if entry and entry.pw_uid == 0:
        return True
    bits = status.st_mode
    if entry and status.st_uid == entry.pw_uid:
        bits >>= 6
    elif status.st_gid in numbers:
        bits >>= 3
    needed = 0o7 if write else 0o4
    return bits & needed == needed


def _group_number(name: str) -> set[int]:
    """Its number; none for a group that does not exist."""
    try:
        return {int(name)} if name.isascii() and name.isdigit() else {grp.getgrnam(name).gr_gid}
    except KeyError:
        return set()


def _groups(account: str, primary: int) -> set[int]:
    return {primary, *(group.gr_gid for group in grp.getgrall() if account in group.gr_mem)}


def may_enter(status: os.stat_result, uid: int, groups: set[int]) -> bool:
    """Whether the user ``uid``, who is in ``groups``, may enter a directory of this ``status``."""
    if uid == 0:
        return True
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid in groups:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)
