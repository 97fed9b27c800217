"""The message for what nobody provided for, and the streams and signals around a command."""

from __future__ import annotations

import errno
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from relstore.cli import exit_codes
from relstore.cli.unexpected import say_accepted, unexpected
from tests.support.json_output import hold_to_documents

BROKEN = (
    "import sys, relstore.cli.commands.init as module\n"
    "def fail(*_, **__): raise KeyError('odd\\x1b[2J')\n"
    "module.init.callback = fail\n"
    "sys.argv = ['relstore', *sys.argv[1:]]\n"
    "from relstore.__main__ import start\n"
    "start()\n"
)
"""A relstore with a bug in ``init``."""


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``command`` with ``$relstore`` as the program."""
    program = f"{sys.executable} -m relstore"
    return subprocess.run(
        ["/bin/sh", "-c", command],
        env={**os.environ, "relstore": program, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_bug_says_that_it_is_one_and_shows_no_trace() -> None:
    ran = subprocess.run([sys.executable, "-c", BROKEN, "init"], capture_output=True, text=True, check=False)
    assert ran.returncode == exit_codes.UNEXPECTED
    assert "this is a bug in relstore: KeyError: 'odd\\x1b[2J'" in ran.stderr.replace("\\\\", "\\")
    assert "  now:  " in ran.stderr
    assert "  next: " in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_bug_with_verbose_shows_the_trace() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", BROKEN, "init", "-v"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == exit_codes.UNEXPECTED
    assert "Traceback" in ran.stderr


def test_a_bug_in_json_is_one_document() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", BROKEN, "init", "--json"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == exit_codes.UNEXPECTED
    hold_to_documents(ran.args, ran.stdout, ran.returncode)
    assert json.loads(ran.stdout)["error"]["kind"] == "Unexpected"
    assert ran.stderr == ""


def test_it_says_what_hosts_had_accepted() -> None:
    error = ValueError("x")
    say_accepted(error, {"web1": "job-7"})
    assert "web1 had accepted job job-7" in unexpected(error).state
    quiet = ValueError("x")
    say_accepted(quiet, {})
    assert unexpected(ExceptionGroup("several", [quiet])).state == "No host had accepted an activation."


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EMFILE, "Too many open files")])
def test_a_machine_that_has_run_out_of_something_is_no_bug(error: Exception) -> None:
    assert "bug" not in unexpected(error).what
    assert unexpected(error).hint


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(closed: str, tmp_path: Path) -> None:
    made = shell(f"cd {tmp_path}; $relstore init {closed}")
    assert (made.returncode, made.stderr) == (0, "")
    assert (tmp_path / "relstore.toml").exists()


def test_a_full_output_is_an_error_and_no_trace() -> None:
    ran = shell("$relstore --help >/dev/full")
    assert ran.returncode == exit_codes.OUTPUT_LOST
    assert ran.stderr.startswith("error: the output could not be written: No space left on device\n")


def test_a_full_standard_error_changes_nothing() -> None:
    assert shell("$relstore status 2>/dev/full").returncode == exit_codes.USAGE


def test_a_closed_pipe_is_quiet() -> None:
    ran = shell("{ sleep 0.5; $relstore --help; echo $? >&2; } | true")
    assert ran.stderr.strip() == str(exit_codes.OUTPUT_LOST)


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    ran = shell(f"mkdir {tmp_path}/gone; cd {tmp_path}/gone; rmdir ../gone; $relstore status --to ./x")
    assert ran.returncode == exit_codes.USAGE
    assert "working directory" in ran.stderr


@pytest.mark.parametrize("columns", ["0", "1", "-5", "x", "99999999999", "²"])
def test_odd_widths(columns: str) -> None:
    ran = shell("$relstore push --help", COLUMNS=columns)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "nowhere"}])
def test_what_the_terminal_cannot_encode_is_escaped(locale: dict[str, str]) -> None:
    ran = shell(
        "$relstore status --to '日本:/x'; $relstore status --config \"$(printf 'caf\\351')\"", **locale
    )
    assert "Traceback" not in ran.stderr
    assert "bug" not in ran.stderr


NAMELESS = (
    "import os, pwd, sys\n"
    "def fail(*_): raise KeyError('getpwuid(): uid not found: 54321')\n"
    "pwd.getpwuid = pwd.getpwnam = fail\n"
    "for name in ('HOME', 'USER', 'LOGNAME', 'LNAME', 'USERNAME'): os.environ.pop(name, None)\n"
    "sys.argv = ['relstore', *sys.argv[1:]]\n"
    "from relstore.__main__ import start\n"
    "start()\n"
)
"""relstore as an account without a name or a home directory."""


@pytest.mark.parametrize("words", [("status", "--to", "./store"), ("status", "--to", "host.invalid:/x")])
def test_an_account_without_an_entry_in_passwd(words: tuple[str, ...], tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", NAMELESS, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode in (exit_codes.FAILED, exit_codes.CANNOT_CONNECT), ran.stderr
    assert not list(tmp_path.glob("~*"))


@pytest.mark.parametrize("after_s", [0.01, 0.03, 0.06, 0.09, 0.12, 0.16, 0.2])
def test_an_early_interrupt_shows_no_trace(after_s: float, tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['relstore', 'status', '--to', './store']\n"
        "from relstore.__main__ import start\n"
        "print('x', flush=True)\n"
        "start()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        time.sleep(after_s)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert "Exception" not in err


@pytest.mark.parametrize("term", ["", "dumb", "xterm", "no-such-terminal"])
def test_a_table_on_odd_terminals(term: str) -> None:
    code = (
        "import sys; sys.stdin; from relstore.cli.process import StandardStreams; s = StandardStreams.install()\n"
        "from relstore.cli.console import Console\n"
        "from relstore.cli.table import Column\n"
        "Console(False, False, False, True, True).table([Column('a', wraps=True)], [['é→b ' * 40]])\n"
        "raise SystemExit(s.finish(0))"
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": term, "LC_ALL": "C", "PYTHONIOENCODING": "latin-1"}
    ran = subprocess.run(
        [sys.executable, "-c", code], stdout=theirs, stderr=subprocess.PIPE, env=environment, check=False
    )
    os.close(theirs)
    os.close(ours)
    assert (ran.returncode, ran.stderr) == (0, b"")
