"""Runs a program at a terminal, as a user who loses patience and presses Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 15.0
PRESSES = 30
"""How often Ctrl-C is pressed, once a second, before the program is killed."""
_PRINTED = 2**20
_POLL_S = 0.05


@dataclass(frozen=True)
class Seen:
    """What the user saw."""

    code: int | None
    """The exit code, or 128 plus the signal as in a shell; None when the program had to be killed."""
    printed: bytes
    """The first and the last part of the output."""
    memory: int
    """Peak memory in bytes."""


def run(words: Sequence[str], environment: Mapping[str, str], place: Path) -> Seen:
    """Run a program in ``place`` until it ends or is killed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        words, cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
        preexec_fn=_listen_to_ctrl_c,
    )  # fmt: skip
    os.close(theirs)
    printed = bytearray()
    press = time.monotonic() + PATIENCE_S
    pressed = memory = 0
    while True:
        _read(ours, printed)
        memory = max(memory, _peak(process.pid))
        ended, status = os.waitpid(process.pid, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > press:
            process.send_signal(signal.SIGINT if pressed < PRESSES else signal.SIGKILL)
            pressed += 1
            press = time.monotonic() + 1
    process.returncode = os.waitstatus_to_exitcode(status)  # reaped by waitpid, not by subprocess
    while _read(ours, printed):
        pass
    os.close(ours)
    code = process.returncode if process.returncode >= 0 else 128 - process.returncode
    return Seen(None if pressed > PRESSES else code, bytes(printed), memory)


def _listen_to_ctrl_c() -> None:
    """Undo what a shell does to background jobs: they and their children ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _peak(pid: int) -> int:
    """The peak memory of the program so far, in bytes; 0 once it has ended.

    Not the figure of wait4(2), which includes what the parent had at the fork.
    """
    found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def _read(terminal: int, printed: bytearray) -> bool:
    """Read what arrives soon; False once the terminal is closed."""
    if not select.select([terminal], [], [], _POLL_S)[0]:
        return False
    try:
        data = os.read(terminal, 65536)
    except OSError:  # EIO: nobody has the other end open any more
        return False
    printed += data
    del printed[_PRINTED // 2 : -_PRINTED // 2]
    return bool(data)
