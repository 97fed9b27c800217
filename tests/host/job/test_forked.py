"""What `ps` shows of a process that was forked for other work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.host_side import REPOSITORY

CODE = """
import os, sys
sys.path.insert(0, sys.argv[1])
from relstore.host.job import forked
log = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT)
def work():
    with open("/proc/self/cmdline", "rb") as file:
        os.write(1, file.read())
    return 0
os.waitpid(forked.fork(work, log, (), sys.stdin.read().split()), 0)
"""


@pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy does not fork jobs")
@pytest.mark.parametrize(("root", "is_shown"), [("/srv/web", True), ("/srv/" + "long" * 1000, False)])
def test_its_command_line(root: str, is_shown: bool, tmp_path: Path) -> None:
    words = ["relstore", "job", root, "web", "1"]
    log = tmp_path / "log"
    command = [sys.executable, "-c", CODE, str(REPOSITORY), str(log)]
    subprocess.run(command, input="\n".join(words), text=True, check=True, timeout=60)
    shown = log.read_bytes().rstrip(b"\0").split(b"\0")
    assert (shown == [word.encode() for word in words]) is is_shown
