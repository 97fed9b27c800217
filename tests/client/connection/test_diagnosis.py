"""Why no helper answered: each kind of host gets its own words."""

from __future__ import annotations

import pytest

from relstore.client.connection.diagnosis import NO_PYTHON, OLD_PYTHON, diagnose, traces_commands
from relstore.client.connection.transport.base import Exit


@pytest.mark.parametrize(
    ("stdout", "stderr", "status", "what", "hint"),
    [
        (b"", b"", Exit(NO_PYTHON, None), "there is no python3", "apt install python3-minimal"),
        (b"", b"", Exit(OLD_PYTHON, None), "older than 3.9", "--python"),
        (b"This account is currently not available.\n", b"", Exit(1, None), "refuses commands", "chsh"),
        (b"", b"/usr/sbin/nologin: no\n", Exit(1, None), "refuses commands", "chsh"),
        (
            b"This service allows sftp connections only.\n",
            b"",
            Exit(1, None),
            "only use SFTP",
            "run commands",
        ),
        (b"y\n" * 4096, b"", Exit(None, None), "printed endlessly", "[ -t 1 ] || return"),
        (b"", b"", Exit(1, None), "ended at once", "/bin/false"),
        (b"", b"", Exit(None, "KILL"), "could not be started (signal KILL)", "ssh HOST python3"),
        (
            b"",
            b"exec: not found\n",
            Exit(127, None),
            "(exit code 127); the host printed:\nexec: not",
            "by hand",
        ),
    ],
)
def test_the_words_for_a_host(stdout: bytes, stderr: bytes, status: Exit, what: str, hint: str) -> None:
    error = diagnose(stdout, stderr, status)
    assert what in error.what
    assert hint in error.hint
    assert error.state == "Nothing was changed."


def test_only_the_last_lines_are_quoted_and_no_traced_commands() -> None:
    said = b"".join(b"line %d\n" % number for number in range(100)) + b"+ exec python3\n"
    error = diagnose(b"", said, Exit(2, None))
    assert error.what.endswith("the host printed:\nline 95\nline 96\nline 97\nline 98\nline 99")


@pytest.mark.parametrize(
    ("stderr", "traced"),
    [(b"+ export PATH\n+ exec /bin/sh\n", True), (b"warning: 1 + 1\n", False), (b"", False)],
)
def test_a_shell_that_traces_is_recognised(stderr: bytes, traced: bool) -> None:
    assert traces_commands(stderr) is traced
