"""A program at a terminal, in the hands of somebody who loses patience and presses Ctrl-C."""

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

PATIENCE_S = 5.0
PRESSES = 8
"""So often Ctrl-C is pressed, once a second; then it is killed."""
_PRINTED = 2**20
_POLL_S = 0.05


@dataclass(frozen=True)
class Seen:
    """What the person saw."""

    code: int | None
    """Its exit code, 128 and the number for a signal, as a shell has it; None when it had to be killed."""
    printed: bytes
    """The first and the last part of it."""
    memory: int
    """Bytes, at most."""


def run(words: Sequence[str], environment: Mapping[str, str], place: Path) -> Seen:
    """Run it in ``place`` to its end, whatever that is."""
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
    process.returncode = os.waitstatus_to_exitcode(status)  # it was waited for, not by subprocess
    while _read(ours, printed):
        pass
    os.close(ours)
    code = process.returncode if process.returncode >= 0 else 128 - process.returncode
    return Seen(None if pressed > PRESSES else code, bytes(printed), memory)


def _listen_to_ctrl_c() -> None:
    """A shell has its background jobs, and so whatever they start, ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _peak(pid: int) -> int:
    """The most memory that its program had so far, in bytes; 0 when it has ended.

    Not what wait4(2) says: that counts what its parent had when it was forked.
    """
    found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def _read(terminal: int, printed: bytearray) -> bool:
    """What is there to read, if anything, soon."""
    if not select.select([terminal], [], [], _POLL_S)[0]:
        return False
    try:
        data = os.read(terminal, 65536)
    except OSError:  # EIO: nobody has the other end open any more
        return False
    printed += data
    del printed[_PRINTED // 2 : -_PRINTED // 2]
    return bool(data)
