"""Which commit a directory is at, for the record of a generation.

Asks the ``git`` program and changes nothing, neither locks nor caches. The repository may be anybody's: its
fsmonitor and hooks do not run, nor does what it would fetch missing objects with. Its content filters (such
as Git LFS) may run, since without them git cannot tell what has changed. Not for what is pushed: that is read
from the disk (``scan``).
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 10.0
"""Seconds that git may take; a record without a commit is better than a push that hangs."""

LOCAL_VARIABLES = frozenset(
    (
        *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_CONFIG", "GIT_CONFIG_COUNT"),
        *("GIT_CONFIG_PARAMETERS", "GIT_DIR", "GIT_GRAFT_FILE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE"),
        *("GIT_INTERNAL_SUPER_PREFIX", "GIT_NAMESPACE", "GIT_NO_REPLACE_OBJECTS", "GIT_OBJECT_DIRECTORY"),
        *("GIT_PREFIX", "GIT_QUARANTINE_PATH", "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE", "GIT_WORK_TREE"),
    )
)
"""What git tells its hooks about their repository (``git rev-parse --local-env-vars``); it may be another."""

_SETTINGS = {
    "LC_ALL": "C",
    # The order in which gettext looks for a language.
    "LANGUAGE": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    # Older git fetches lazily all the same; then no protocol is allowed, whatever the repository says.
    "GIT_ALLOW_PROTOCOL": "none",
}

_OID = re.compile(rb"# branch\.oid ([0-9a-f]{64}|[0-9a-f]{40})")
_COMMAND = (
    *("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never"),
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
    kept = {name: value for name, value in env.items() if name not in LOCAL_VARIABLES}
    try:
        process = subprocess.Popen(
            _COMMAND,
            cwd=directory,
            env=kept | _SETTINGS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError:
        return None
    with process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            notice(f"git did not answer within {timeout:g} s; the record will name no commit")
            return None
        finally:
            # What it started would otherwise hold its output open, and make us wait.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    if match := _NOT_TRUSTED.search(errors):
        top = os.fsdecode(match[1])
        notice(
            f"git does not trust {top}, which belongs to another account, so the record will name no commit; "
            f"if you trust it: git config --global --add safe.directory {shlex.quote(top)}"
        )
    return _read_status(output) if process.returncode == 0 else None


def _read_status(output: bytes) -> GitInfo | None:
    """What ``git status --porcelain=v2 --branch`` printed; None before the first commit."""
    lines = output.splitlines()
    commits = [match[1].decode() for line in lines if (match := _OID.fullmatch(line))]
    if not commits:
        return None
    return GitInfo(commits[0], dirty=any(not line.startswith(b"# ") for line in lines))
