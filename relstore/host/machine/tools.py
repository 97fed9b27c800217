"""Running relstore's own tools on the host (systemctl, journalctl, busctl), and reading what they say.

Their command lines are lists that we make; their language is C, so that it can be read. Not for a
deployer's commands (``commands``).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

NOT_FOUND = 127
TIMED_OUT = 124
_OUTPUT_BYTES = 256 * 1024


class ToolResult(NamedTuple):
    """How a tool ended. ``code`` is NOT_FOUND when it is not there, TIMED_OUT when it was given up."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Its last line of complaint, for people."""
        lines = [line for line in (self.err or self.out).splitlines() if line.strip()]
        return lines[-1].strip() if lines else f"exit code {self.code}"


def run(words: Sequence[str], *, seconds: float, given: bytes = b"") -> ToolResult:
    """Run to its end, or kill it after ``seconds``; ``given`` is its standard input."""
    environment = {**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}  # noqa: TID251
    if os.geteuid() != 0:
        # A session without pam_systemd lacks it, and then the account's own manager is not found.
        environment.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")
    try:
        done = subprocess.run(
            list(words),
            env=environment,
            cwd="/",
            input=given,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return ToolResult(TIMED_OUT, _text(late.stdout), f"{words[0]} did not end within {seconds:.0f} s")
    except OSError as error:
        return ToolResult(NOT_FOUND, "", f"{words[0]}: {error.strerror}")
    return ToolResult(done.returncode, _text(done.stdout), _text(done.stderr))


def _text(data: bytes | None) -> str:
    return (data or b"")[:_OUTPUT_BYTES].decode("utf-8", "replace")
