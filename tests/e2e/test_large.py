"""Large things over a real sshd: memory that does not grow with them, and what they become on disk.

The short form pushes 300 MB, 5,000 files and a program made here; the long form 2 GiB, 50,000 files and
the binary that RELSTORE_TEST_BINARY names (a release of uv or ruff, of 40 MB and more).
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.e2e.host_state import problems
from tests.e2e.user import User, target_of
from tests.hosts.sshd import Sshd

pytestmark = [pytest.mark.sshd, pytest.mark.slow, pytest.mark.timeout(1200)]

THOROUGH = os.environ.get("RELSTORE_TEST_THOROUGH") == "1"
LARGE_BYTES = 2 * 1024**3 if THOROUGH else 300_000_000
FILES = 50_000 if THOROUGH else 5_000
LIMIT_BYTES = 150 * 1024**2
_MARKS = (b"sys.stdin.buffer", b"/helpers/")


class Peaks:
    """The peak memory of a client and of every helper and job while it runs, from /proc."""

    def __init__(self, client: int) -> None:
        self.client = 0
        self.host = 0
        self._pid = client
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            for entry in os.scandir("/proc"):
                if not entry.name.isdigit():
                    continue
                try:
                    words = Path(entry.path, "cmdline").read_bytes()
                    peak = _peak(Path(entry.path, "status").read_text())
                except OSError:
                    continue
                if int(entry.name) == self._pid:
                    self.client = max(self.client, peak)
                elif any(mark in words for mark in _MARKS):
                    self.host = max(self.host, peak)


def _peak(status: str) -> int:
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) * 1024 if lines else 0


def push_measured(user: User, artifact: Path, *to: object) -> Peaks:
    with user.start("push", artifact, *to, "-q") as client:
        peaks = Peaks(client.pid)
        try:
            _out, err = client.communicate(timeout=1000)
        finally:
            peaks.stop()
    assert client.returncode == 0, err
    print(f"peak memory: client {peaks.client / 1e6:.0f} MB, host {peaks.host / 1e6:.0f} MB")
    assert 0 < peaks.client < LIMIT_BYTES
    assert 0 < peaks.host < LIMIT_BYTES
    return peaks


def test_memory_does_not_grow_with_a_file(server: Sshd, store_path: Path, user: User, tmp_path: Path) -> None:
    user.may_log_in_to(server)
    large = tmp_path / "large"
    digest = hashlib.sha256()
    with large.open("wb") as file:
        left = LARGE_BYTES
        while left:
            block = os.urandom(min(left, 1 << 24))
            digest.update(block)
            file.write(block)
            left -= len(block)
    push_measured(user, large, "--to", target_of(server, store_path))
    arrived = hashlib.sha256()
    with (store_path / "apps/large/current/large").open("rb") as file:
        while block := file.read(1 << 24):
            arrived.update(block)
    assert arrived.digest() == digest.digest()


def test_a_tree_of_many_small_files(server: Sshd, store_path: Path, user: User, tmp_path: Path) -> None:
    user.may_log_in_to(server)
    tree = tmp_path / "tree"
    for number in range(FILES):
        path = tree / f"{number % 500:03}" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"the content of {number}\n" * 5)
    to = ("--to", target_of(server, store_path))
    push_measured(user, tree, *to)
    assert sum(1 for path in (store_path / "apps/tree/current/").rglob("*.txt")) == FILES
    (tree / "000" / "0.txt").write_text("changed")
    sent = user.does("push", tree, *to, "--json").document["hosts"][0]["sent_bytes"]
    assert sent == len("changed")
    assert user.does("push", tree, *to, "--json").document["hosts"][0]["outcome"] == "unchanged"
    assert problems(store_path) == []


def test_a_real_program(server: Sshd, store_path: Path, user: User) -> None:
    user.may_log_in_to(server)
    program = Path(os.environ.get("RELSTORE_TEST_BINARY") or os.path.realpath(sys.executable))
    if THOROUGH:
        assert program.stat().st_size > 40_000_000, "RELSTORE_TEST_BINARY should name a large release"
    user.does("push", program, "--app", "program", "--to", target_of(server, store_path))
    current = store_path / "apps/program/current" / program.name
    assert current.read_bytes() == program.read_bytes()
    if THOROUGH:
        ran = subprocess.run([str(current), "--version"], capture_output=True, text=True, check=True)
        print(ran.stdout)
