"""A real terminal, tmux's: what stands on it while a program works."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

PROGRAM = shutil.which("tmux")
_PATIENCE_S = 120.0


class Tmux:
    """One program in a window of its own."""

    def __init__(self, socket: Path, environment: Mapping[str, str]) -> None:
        self._socket = socket
        self._environment = environment

    def start(self, words: Sequence[str], columns: int, rows: int, directory: Path) -> None:
        settings = (
            *("set-option", "-g", "status", "off", ";", "set-option", "-g", "remain-on-exit", "on", ";"),
            *("set-option", "-g", "remain-on-exit-format", ""),
        )
        size = ("-x", str(columns), "-y", str(rows))
        # The first window only makes the server live long enough to be set up.
        self._tmux("new-session", "-d", "-s", "setup", *size, "cat", ";", *settings)
        self._tmux("new-session", "-d", "-s", "work", *size, "-c", str(directory), *words)

    def resize(self, columns: int, rows: int) -> None:
        """Return when the program could see it: tmux tells a terminal's new size a moment later."""
        self._tmux("resize-window", "-t", "work", "-x", str(columns), "-y", str(rows))
        name = self._tmux("display-message", "-p", "-t", "work", "#{pane_tty}").strip()
        fd = os.open(name, os.O_RDONLY | os.O_NOCTTY)
        try:
            until = time.monotonic() + _PATIENCE_S
            while os.get_terminal_size(fd) != (columns, rows):
                assert time.monotonic() < until, f"the terminal is not {columns} x {rows}"
                time.sleep(0.01)
        finally:
            os.close(fd)

    def screen(self) -> str:
        """The lines that stand there, without the empty ones at the end."""
        return self._tmux("capture-pane", "-p", "-t", "work").rstrip("\n") + "\n"

    def type(self, key: str) -> None:
        """A key by tmux's name for it: ``Enter``, ``C-c``, ``2``."""
        self._tmux("send-keys", "-t", "work", key)

    @property
    def has_ended(self) -> bool:
        return self._tmux("display-message", "-p", "-t", "work", "#{pane_dead}").strip() == "1"

    def wait_for(self, seen: Callable[[str], bool]) -> str:
        """The first screen that is as expected."""
        until = time.monotonic() + _PATIENCE_S
        while not seen(shown := self.screen()):
            assert time.monotonic() < until, f"this was not expected:\n{shown}"
            time.sleep(0.05)
        return shown

    def wait_until_it_ended(self) -> None:
        self.wait_for(lambda _: self.has_ended)

    def _tmux(self, *words: str) -> str:
        assert PROGRAM is not None
        ran = subprocess.run(
            [PROGRAM, "-S", str(self._socket), "-f", "/dev/null", *words],
            env=dict(self._environment),
            capture_output=True,
            check=True,
        )
        return ran.stdout.decode()

    def stop(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._tmux("kill-server")


@contextmanager
def tmux(directory: Path, environment: Mapping[str, str]) -> Iterator[Tmux]:
    """``directory``: for its socket, so the path must be short."""
    terminal = Tmux(directory / "tmux", {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **environment})
    try:
        yield terminal
    finally:
        terminal.stop()
