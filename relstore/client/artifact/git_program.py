"""Asking the ``git`` program about a repository, which may be anybody's.

It changes nothing, neither locks nor caches. The repository's fsmonitor and hooks do not run, nor does what
it would fetch missing objects with. Its content filters (such as Git LFS) may run, since without them git
cannot tell what has changed. Not for what is asked (``git``, ``git_log``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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

_SAFE = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never")


class GitTimeoutError(Exception):
    """There was no answer in time. Never leaves ``client.artifact``."""


@dataclass(frozen=True)
class GitAnswer:
    """What it printed."""

    is_success: bool
    output: bytes
    errors: bytes


def run(
    arguments: Sequence[str], directory: Path, env: Mapping[str, str], timeout: float, given: bytes = b""
) -> GitAnswer | None:
    """Run it in ``directory``, with ``given`` as its standard input; None where there is no git.

    ``env``: the environment. Raises GitTimeoutError.
    """
    kept = {name: value for name, value in env.items() if name not in LOCAL_VARIABLES}
    try:
        process = subprocess.Popen(
            (*_SAFE, *arguments),
            cwd=directory,
            env=kept | _SETTINGS,
            stdin=subprocess.PIPE if given else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError:
        return None
    with process:
        try:
            output, errors = process.communicate(given or None, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise GitTimeoutError from None
        finally:
            # What it started would otherwise hold its output open, and make us wait.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    return GitAnswer(process.returncode == 0, output, errors)
