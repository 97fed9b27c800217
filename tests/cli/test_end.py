"""The end of the process: nothing is lost, though its modules are not freed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from relstore.cli import exit_codes

_START = """
import sys
from relstore.__main__ import start
sys.argv = ["relstore", *sys.argv[1:]]
start()
"""


def ran(before: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"{before}\n{_START}", *words], capture_output=True, text=True, timeout=60
    )


def test_modules_are_not_freed() -> None:
    """What would run then takes longer than most of a short command."""
    freed = "class Freed:\n  def __del__(self): import os; os.write(2, b'freed')\nsys_freed = Freed()\n"
    done = ran(freed, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert "version" in done.stdout


def test_what_was_registered_for_the_end_runs_and_what_it_prints_is_written() -> None:
    done = ran("import atexit; atexit.register(print, 'goodbye')", "--version")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "goodbye"


def test_threads_are_waited_for(tmp_path: Path) -> None:
    line = (
        "import threading, time\n"
        f"threading.Thread(target=lambda: (time.sleep(0.3), open({str(tmp_path / 'done')!r}, 'w'))).start()"
    )
    assert ran(line, "--version").returncode == 0
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--version",), exit_codes.DONE),
        (("nosuch",), exit_codes.USAGE),
        (("status",), exit_codes.USAGE),
        (("status", "--to", "./nothing"), exit_codes.FAILED),
    ],
)
def test_the_exit_code_is_that_of_the_command(words: tuple[str, ...], code: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "relstore", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == code, done.stderr


def test_output_that_is_lost_at_the_end_is_told() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "relstore", "--help"], stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    assert done.returncode == exit_codes.OUTPUT_LOST
    assert b"the output could not be written" in done.stderr
