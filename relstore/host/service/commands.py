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
from typing import NamedTuple

from relstore.host.service import pump
from relstore.host.service.pump import OutputSink

SHELL = ("sh", "-c")
"""How the client passes a command that was given as one line."""


class CommandResult(NamedTuple):
    """How a command ended."""

    problem: str
    """``""`` if it succeeded, else what went wrong, for people."""
    is_verdict: bool = False
    """Whether the command itself says so, by its exit code: one that hangs, is killed or cannot be run says
    nothing."""


def run(
    words: Sequence[str], *, variables: Mapping[str, str], directory: str, output: OutputSink, seconds: int
) -> CommandResult:
    """Run a command to its end.

    After ``seconds`` its whole process group is killed. What it leaves running after a good end stays, and
    what that prints is dropped.
    """
    if not words:
        return CommandResult("an empty command cannot be run")
    environment = {**os.environ, **variables}  # noqa: TID251 - what the command inherits, not what we obey
    try:
        end, begin = os.pipe()
    except OSError as error:
        return CommandResult(f"{words[0]!r} cannot be run: {error.strerror}")
    try:
        process = subprocess.Popen(
            list(words),
            env=environment,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=begin,
            stderr=begin,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL byte among the words
        os.close(end)
        return CommandResult(f"{words[0]!r} cannot be run: {getattr(error, 'strerror', None) or error}")
    finally:
        os.close(begin)
    in_time = pump.pass_on(process, end, output, seconds)
    if not in_time:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    code = process.wait()
    pump.let_go(end, output)
    if not in_time:
        return CommandResult(f"{_name(words)} did not end within {seconds} s and was killed")
    if code < 0:
        return CommandResult(f"{_name(words)} was killed by signal {-code}")
    return CommandResult(f"{_name(words)} ended with exit code {code}" if code else "", is_verdict=True)


def _name(words: Sequence[str]) -> str:
    return f"`{words[2] if tuple(words[:2]) == SHELL and len(words) == 3 else ' '.join(words)}`"[:200]
