"""Why no helper answered, judged by what the host printed instead. Pure.

Not for failures of the connection itself (``transport``).
"""

from __future__ import annotations

from relstore.client.connection.command_line import NO_PYTHON, OLD_PYTHON
from relstore.client.connection.transport.base import Exit
from relstore.errors import HelperError

_TAIL_LINES = 5
_UNCHANGED = "Nothing was changed."


def diagnose(stdout: bytes, stderr: bytes, status: Exit) -> HelperError:
    """``stdout``: everything that came instead of a greeting."""
    printed = (stdout + b"\n" + stderr).decode("utf-8", "replace")
    lower_case = printed.lower()
    if status.code == NO_PYTHON:
        return HelperError(
            "there is no python3 on the host",
            state=_UNCHANGED,
            hint="Install Python 3.9 or newer there (`apt install python3-minimal`), "
            "or name one with --python.",
        )
    if status.code == OLD_PYTHON:
        return HelperError(
            "the host's python3 is older than 3.9",
            state=_UNCHANGED,
            hint="Install a newer one beside it and name it with --python /usr/bin/python3.11.",
        )
    if "account is currently not available" in lower_case or "nologin" in lower_case:
        return HelperError(
            "the account has a login shell that refuses commands (nologin)",
            state=_UNCHANGED,
            hint="Deploy as an account that may log in, or give this one a shell (`chsh -s /bin/sh`).",
        )
    if "sftp" in lower_case:
        return HelperError(
            "the account may only use SFTP, not run commands",
            state=_UNCHANGED,
            hint="Deploy as an account that may run commands.",
        )
    if len(stdout) > 4096 and status.code is None:
        return HelperError(
            "the host's login shell printed endlessly instead of running the helper",
            state=_UNCHANGED,
            hint="Make its start-up files print only for terminals: [ -t 1 ] || return",
        )
    if not printed.strip() and status.code == 1:
        return HelperError(
            "the account's login shell ended at once without running anything",
            state=_UNCHANGED,
            hint="Is its shell /bin/false? Deploy as an account that may log in.",
        )
    how = f"signal {status.signal}" if status.signal else f"exit code {status.code}"
    tail = "\n".join(line for line in printed.splitlines() if line.strip() and not line.startswith("+ "))
    last = "\n".join(tail.splitlines()[-_TAIL_LINES:])
    return HelperError(
        f"the helper could not be started ({how})" + (f"; the host printed:\n{last}" if last else ""),
        state=_UNCHANGED,
        hint="Try by hand: ssh HOST python3 --version",
    )


def traces_commands(stderr: bytes) -> bool:
    """Whether the login shell runs with ``set -x``."""
    return any(line.startswith(b"+ ") for line in stderr.splitlines()[:50])
