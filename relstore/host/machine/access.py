"""Whether an account could enter a directory, by the modes on the way to it. Not by access lists."""

from __future__ import annotations

import grp
import os
import pwd
import stat


def barrier(path: str, account: str) -> str:
    """The first directory on the way to ``path`` that ``account`` may not enter, or ``""``.

    ``account``: its name; ``""`` for one that owns nothing and is in no group (DynamicUser=). One that does
    not exist meets no barrier: systemd says that better.
    """
    try:
        found = pwd.getpwnam(account) if account else None
    except KeyError:
        return ""
    groups = _groups(account, found.pw_gid) if found else set()
    here = "/"
    for part in ["", *[part for part in path.split("/") if part]]:
        here = os.path.join(here, part)
        try:
            status = os.stat(here)
        except OSError:
            return ""  # it is not there yet
        if not may_enter(status, found.pw_uid if found else -1, groups):
            return here.rstrip("/") or "/"
    return ""


def _groups(account: str, primary: int) -> set[int]:
    return {primary, *(group.gr_gid for group in grp.getgrall() if account in group.gr_mem)}


def may_enter(status: os.stat_result, uid: int, groups: set[int]) -> bool:
    """Whether whoever is ``uid`` and in ``groups`` may go through a directory of this ``status``."""
    if uid == 0:
        return True
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid in groups:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)
