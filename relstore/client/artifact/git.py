"""Which commit a directory is at, for the record of a generation.

Asks the ``git`` program and changes nothing, neither locks nor caches. It does not run the repository's
fsmonitor and hooks, but it may run its content filters (such as Git LFS): without them git cannot tell what
has changed. Not for what is pushed: that is read from the disk (``scan``).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 10.0
"""Seconds that git may take; a record without a commit is better than a push that hangs."""

_OID = re.compile(rb"# branch\.oid ([0-9a-f]{64}|[0-9a-f]{40})")
_COMMAND = (
    *("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
    *("status", "--porcelain=v2", "--branch", "--no-ahead-behind", "--no-renames"),
    # The person's settings may hide files that are in the release all the same.
    *("--untracked-files=normal", "--ignore-submodules=none"),
)


@dataclass(frozen=True)
class GitInfo:
    """The commit that is checked out (40 or 64 hexadecimal digits), and whether anything differs from it."""

    commit: str
    dirty: bool


def describe(
    directory: Path, env: Mapping[str, str] | None = None, timeout: float = TIMEOUT
) -> GitInfo | None:
    """The commit of ``directory``; an untracked file makes it dirty, an ignored one does not.

    None when it cannot be determined: no git, no repository, no commit yet, no answer in ``timeout``
    seconds, or a repository that git does not trust. ``env``: git's whole environment; None: ours.
    """
    try:
        result = subprocess.run(
            _COMMAND,
            cwd=directory,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _read_status(result.stdout) if result.returncode == 0 else None


def _read_status(output: bytes) -> GitInfo | None:
    """What ``git status --porcelain=v2 --branch`` printed; None before the first commit."""
    lines = output.splitlines()
    commits = [match[1].decode() for line in lines if (match := _OID.fullmatch(line))]
    if not commits:
        return None
    return GitInfo(commits[0], dirty=any(not line.startswith(b"# ") for line in lines))
