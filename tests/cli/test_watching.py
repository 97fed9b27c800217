"""``status --watch``: the status is painted again in place, over one connection, until Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.support.terminal import Screen
from tests.support.user import User, make_site


class Watched:
    """A terminal on which the program runs."""

    def __init__(self, user: User, rows: int, columns: int, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "relstore", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**user.environment, "TERM": "xterm"},
            cwd=user.home,
        )
        os.close(theirs)
        self.screen = Screen()
        self.tallest = 0
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # how Linux says that nobody has the other end open
                return
            self.screen.feed(data.decode())
            self.tallest = max(self.tallest, len(self.screen.lines))

    def wait_for(self, what: Callable[[str], bool]) -> None:
        deadline = time.monotonic() + 60
        while not what("\n".join(self.screen.lines)):
            assert time.monotonic() < deadline, self.screen.lines
            time.sleep(0.05)

    def end(self) -> list[str]:
        """Ctrl-C; what stands there afterwards."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(30) == 0
        self._thread.join(10)
        return [line for line in self.screen.lines if line]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._thread.join(10)
        os.close(self._ours)


@contextmanager
def watching(user: User, rows: int, columns: int, *words: str) -> Iterator[Watched]:
    watched = Watched(user, rows, columns, *words)
    try:
        yield watched
    finally:
        watched.close()


@pytest.fixture
def user(tmp_path: Path) -> User:
    user = User.create(tmp_path / "home")
    make_site(user.home / "site", "1")
    user.does("push", "site", "--to", "./store", "--app", "web")
    return user


def helpers(process: subprocess.Popen[bytes]) -> list[str]:
    """The processes that the program has started."""
    return Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()


def test_it_shows_what_changes_and_ends_cleanly(user: User) -> None:
    with watching(user, 24, 60, "status", "--watch", "--to", "./store") as watched:
        watched.wait_for(lambda shown: "current      1, build" in shown)
        before = helpers(watched.process)
        (user.home / "site" / "index.html").write_text("2")
        user.does("push", "site", "--to", "./store", "--app", "web")
        watched.wait_for(lambda shown: "current      2, build" in shown)
        assert helpers(watched.process) == before
        assert "current      1" not in "\n".join(watched.screen.lines)
        assert all(cell_len(line) < 60 for line in watched.screen.lines)
        last = watched.end()
    assert last[0].startswith("web on this machine, ")
    assert not any("Ctrl-C" in line for line in last)


def test_a_low_terminal_shows_what_it_has_room_for(user: User) -> None:
    with watching(user, 6, 80, "status", "--watch", "--to", "./store") as watched:
        watched.wait_for(lambda shown: "more line" in shown)
        assert watched.tallest <= 6
        assert len(watched.end()) > 4


def test_a_host_that_is_lost_is_said_and_tried_again(user: User) -> None:
    words = ("status", "--watch", "--to", "./store", "--to", "x@127.0.0.1:1:/x", "--app", "web")
    with watching(user, 24, 80, *words) as watched:
        watched.wait_for(lambda shown: "trying again" in shown and "current      1" in shown)
        watched.end()


@pytest.mark.parametrize("more", [(), ("--json",), ("--check",)])
def test_without_a_terminal_it_is_refused(more: tuple[str, ...], user: User) -> None:
    ran = user.run("status", "--watch", "--to", "./store", *more)
    assert ran.code == 2
    assert "--watch is for a terminal" in ran.err + ran.out
