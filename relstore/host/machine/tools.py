"""Runs the tools that relstore uses on the host (systemctl, journalctl, busctl), and reads their output.

Their command lines are lists that we make. They run in the C locale, so that their output can be parsed. Not
for the deployer's commands (``service.commands``).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

NOT_FOUND = 127
TIMED_OUT = 124
_OUTPUT_BYTES = 256 * 1024


class ToolResult(NamedTuple):
    """How a tool ended. ``code`` is NOT_FOUND if it is not installed, TIMED_OUT if it was killed."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Its last line of output, for people; errors first."""
        lines = [line for line in (self.err or self.out).splitlines() if line.strip()]
        return lines[-1].strip() if lines else f"exit code {self.code}"


def run(words: Sequence[str], *, seconds: float, given: bytes = b"", terminal: bool = False) -> ToolResult:
    """Run a tool, and kill it after ``seconds``; ``given`` is its standard input.

    ``terminal``: in a session with a terminal, which it neither reads nor writes unless it opens that itself.
    """
    if terminal:
        with _terminal() as path:
            return _run(words, seconds, given, lambda: os.close(os.open(path, os.O_RDWR)))
    return _run(words, seconds, given, None)


def environment() -> dict[str, str]:
    """What the tools run with."""
    variables = {**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}  # noqa: TID251
    if os.geteuid() != 0:
        # Without pam_systemd a session lacks it, and the tools do not find the account's own manager.
        variables.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")
    return variables


def _run(
    words: Sequence[str], seconds: float, given: bytes, prepare: Callable[[], None] | None
) -> ToolResult:
    """``prepare`` runs in the new process, which then leads a session of its own."""
    try:
        process = subprocess.run(
            list(words),
            env=environment(),
            cwd="/",
            input=given,
            capture_output=True,
            timeout=seconds,
            check=False,
            start_new_session=prepare is not None,
            preexec_fn=prepare,
        )
    except subprocess.TimeoutExpired as error:
        return ToolResult(TIMED_OUT, _text(error.stdout), f"{words[0]} did not end within {seconds:.0f} s")
    except OSError as error:
        return ToolResult(NOT_FOUND, "", f"{words[0]}: {error.strerror}")
    return ToolResult(process.returncode, _text(process.stdout), _text(process.stderr))


@contextlib.contextmanager
def _terminal() -> Iterator[str]:
    """The path of a new terminal; it becomes that of the first session whose leader opens it."""
    ours, theirs = os.openpty()
    try:
        yield os.ttyname(theirs)
    finally:
        os.close(theirs)
        os.close(ours)


def _text(data: bytes | None) -> str:
    return (data or b"")[:_OUTPUT_BYTES].decode("utf-8", "replace")
