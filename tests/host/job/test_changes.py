"""What changes in a directory is noticed at once, whoever changes it."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.host.job import changes
from relstore.host.job.changes import Changes
from relstore.store.directory import Dir

FOR_EVER = 3600.0
"""Longer than the test may take: nothing but a notice ends such a wait."""


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Dir]:
    (tmp_path / "log").touch()
    (tmp_path / "new").touch()
    opened = Dir.open_path(str(tmp_path))
    yield opened
    opened.close()


def by_another_process(code: str, path: Path) -> None:
    subprocess.run([sys.executable, "-c", f"import os\n{code}"], cwd=path, check=True)


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="PyPy cannot wait for a signal")
@pytest.mark.parametrize(
    "code", ["open('log', 'a').write('x')", "os.rename('new', 'state')"], ids=["written", "renamed"]
)
def test_a_change_by_another_process_ends_the_wait(
    code: str, directory: Dir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_LAST_S", FOR_EVER)
    with Changes(directory) as noticed:
        noticed.expect()
        by_another_process(code, tmp_path)
        noticed.wait()
        noticed.expect()
        by_another_process(code.replace("new", "state").replace("'state')", "'again')"), tmp_path)
        noticed.wait()


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="PyPy cannot wait for a signal")
def test_another_thread_does_not_take_the_notice(
    directory: Dir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_LAST_S", FOR_EVER)
    ended = threading.Event()
    other = threading.Thread(target=ended.wait)
    other.start()
    try:
        with Changes(directory) as noticed:
            noticed.expect()
            by_another_process("open('log', 'a').write('x')", tmp_path)
            noticed.wait()
    finally:
        ended.set()
        other.join()


def test_nothing_is_waited_for_long_when_nothing_changes(directory: Dir) -> None:
    with Changes(directory) as noticed:
        noticed.expect()
        noticed.wait()


def test_where_the_kernel_does_not_tell_it_sleeps(directory: Dir, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise OSError(22, "Invalid argument")

    slept: list[float] = []
    monkeypatch.setattr(fcntl, "fcntl", refused)
    monkeypatch.setattr(time, "sleep", slept.append)
    with Changes(directory) as noticed:
        for _ in range(20):
            noticed.expect()
            noticed.wait()
    assert slept == sorted(slept)
    assert 0 < slept[0] < slept[-1] <= 0.1


def test_signals_are_as_they_were_afterwards(directory: Dir, tmp_path: Path) -> None:
    """Nothing of it is left for what the process starts, nor for its handlers."""
    seen: list[int] = []
    before = signal.signal(signal.SIGURG, lambda number, _: seen.append(number))
    try:
        with Changes(directory) as noticed:
            noticed.expect()
            by_another_process("open('log', 'a').write('x')", tmp_path)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
    finally:
        signal.signal(signal.SIGURG, before)
    assert seen == []
