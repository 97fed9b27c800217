"""Which commit a directory is at, for the record of a generation.

Not for what is pushed: that is read from the disk (``scan``); nor for what a commit is about (``git_log``).
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from relstore.client.artifact import git_program

TIMEOUT = 10.0
"""Seconds that git may take; a record without a commit is better than a push that hangs."""

_OID = re.compile(rb"# branch\.oid ([0-9a-f]{64}|[0-9a-f]{40})")
_COMMAND = (
    *("status", "--porcelain=v2", "--branch", "--no-ahead-behind", "--no-renames"),
    # The person's settings may hide files that are in the release all the same.
    *("--untracked-files=normal", "--ignore-submodules=none"),
)
_NOT_TRUSTED = re.compile(rb"dubious ownership in repository at '(.+)'")


@dataclass(frozen=True)
class GitInfo:
    """The commit that is checked out (40 or 64 hexadecimal digits), and whether anything differs from it."""

    commit: str
    dirty: bool


def describe(
    directory: Path, env: Mapping[str, str], notice: Callable[[str], None], timeout: float = TIMEOUT
) -> GitInfo | None:
    """The commit of ``directory``; an untracked file makes it dirty, an ignored one does not.

    None when it cannot be determined: no git, no repository, no commit yet; and, with a ``notice``, no
    answer in ``timeout`` seconds, or a repository that git does not trust. ``env``: the environment.
    """
    try:
        answer = git_program.run(_COMMAND, directory, env, timeout)
    except git_program.GitTimeoutError:
        notice(f"git did not answer within {timeout:g} s; the record will name no commit")
        return None
    if answer is None:
        return None
    if match := _NOT_TRUSTED.search(answer.errors):
        top = os.fsdecode(match[1])
        notice(
            f"git does not trust {top}, which belongs to another account, so the record will name no commit; "
            f"if you trust it: git config --global --add safe.directory {shlex.quote(top)}"
        )
    return _read_status(answer.output) if answer.is_success else None


def _read_status(output: bytes) -> GitInfo | None:
    """What ``git status --porcelain=v2 --branch`` printed; None before the first commit."""
    lines = output.splitlines()
    commits = [match[1].decode() for line in lines if (match := _OID.fullmatch(line))]
    if not commits:
        return None
    return GitInfo(commits[0], dirty=any(not line.startswith(b"# ") for line in lines))
