"""relstore at a terminal where a person answers what it asks."""

from __future__ import annotations

import os
import pty
import select
import termios
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.user import PROGRAM, User

_SECONDS = 60


class Dialogue:
    """A person's terminal with relstore in it."""

    def __init__(self, user: User, *words: str, directory: Path | None = None) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(directory or user.home)
            os.execve(PROGRAM[0], [*PROGRAM, *words], {**user.environment, "TERM": "dumb"})
        self.shown = b""

    def type(self, text: bytes) -> None:
        os.write(self._fd, text)

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self._fd)[3] & termios.ECHO)

    def wait_for(self, seen: Callable[[bytes], bool]) -> None:
        """Until what is shown is as expected; or it has ended."""
        deadline = time.monotonic() + _SECONDS
        while not seen(self.shown) and time.monotonic() < deadline:
            if select.select([self._fd], [], [], 0.2)[0]:
                try:
                    self.shown += os.read(self._fd, 4096)
                except OSError:  # nobody has the other end any more
                    return

    def code(self) -> int:
        self.wait_for(lambda _: False)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
