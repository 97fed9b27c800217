"""Runs a command of the deployer's on the host, with a log and a time limit.

Values reach the command as ``RELSTORE_*`` variables, never as part of its line. Not for the tools that
relstore itself uses (``machine.tools``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

SHELL = ("sh", "-c")
"""How the client passes a command that was given as one line."""


def run(words: Sequence[str], *, variables: Mapping[str, str], directory: str, log: int, seconds: int) -> str:
    """Run a command to its end. ``""`` if it succeeded, else what went wrong, for people.

    Its output goes to the descriptor ``log``. After ``seconds`` its whole process group is killed.
    """
    if not words:
        return "an empty command cannot be run"
    environment = {**os.environ, **variables}  # noqa: TID251 - what the command inherits, not what we obey
    try:
        process = subprocess.Popen(
            list(words),
            env=environment,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    except OSError as error:
        return f"{words[0]!r} cannot be run: {error.strerror}"
    except ValueError as error:  # a NUL byte among the words
        return f"{words[0]!r} cannot be run: {error}"
    try:
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"{_name(words)} did not end within {seconds} s and was killed"
    if code < 0:
        return f"{_name(words)} was killed by signal {-code}"
    return f"{_name(words)} ended with exit code {code}" if code else ""


def _name(words: Sequence[str]) -> str:
    return f"`{words[2] if tuple(words[:2]) == SHELL and len(words) == 3 else ' '.join(words)}`"[:200]
