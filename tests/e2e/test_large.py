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

from tests.support.host_state import problems
from tests.support.hosts.sshd import Sshd
from tests.support.matcher import needs_matcher
from tests.support.user import User, target_of

THOROUGH = os.environ.get("RELSTORE_TEST_THOROUGH") == "1"

pytestmark = [pytest.mark.sshd, pytest.mark.slow, pytest.mark.timeout(1800 if THOROUGH else 900)]

LARGE_BYTES = 2 * 1024**3 if THOROUGH else 300_000_000
FILES = 50_000 if THOROUGH else 5_000
BASE_BYTES = 60_000_000
CLIENT_BYTES = 150 * 1024**2
HOST_BYTES = 64 * 1024**2
TREE_HOST_BYTES = 150 * 1024**2
"""A manifest of 50,000 entries is in memory as a whole."""

_HELPER = b"sys.stdin.buffer"
_MAKER = b"relstore.client.transfer.delta"


class Peaks:
    """The peak memory of a client, of its maker of patches, and of every helper and job meanwhile, from /proc."""

    def __init__(self, client: int, server: int, store: Path) -> None:
        """Other tests may run at the same time: only what this client, its server and its store started."""
        self.client = 0
        self.maker = 0
        self.host = 0
        self._client, self._server, self._store = client, server, os.fsencode(store)
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
                pid = int(entry.name)
                if pid == self._client:
                    self.client = max(self.client, peak)
                elif _MAKER in words and self._client in _ancestors(pid):
                    self.maker = max(self.maker, peak)
                elif (_HELPER in words and self._server in _ancestors(pid)) or (
                    b"/helpers/" in words and self._store in words
                ):
                    self.host = max(self.host, peak)


def _ancestors(pid: int) -> set[int]:
    found: set[int] = set()
    try:
        while pid > 1:
            # proc(5): after the name in parentheses the state, then the parent.
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            found.add(pid)
    except OSError:
        pass  # it has ended
    return found


def _peak(status: str) -> int:
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) * 1024 if lines else 0


def push_measured(user: User, server: Sshd, store: Path, artifact: Path, *how: object) -> Peaks:
    to = ("--to", target_of(server, store))
    with user.start("push", artifact, *to, *how, "-q") as client:
        peaks = Peaks(client.pid, server.process.pid, store)
        try:
            _out, err = client.communicate(timeout=1000)
        finally:
            peaks.stop()
    assert client.returncode == 0, err
    in_mib = {name: f"{value / 2**20:.0f} MiB" for name, value in vars(peaks).items() if name[0] != "_"}
    print(f"peak memory: {in_mib}")
    return peaks


def write_random(path: Path, size: int, *, halved: bool = False) -> bytes:
    """``size`` bytes that nothing makes smaller, or ``halved`` by any codec; the SHA-256 of them."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        left = size
        while left:
            block = os.urandom(min(left, 1 << 22))
            if halved:
                block = block[: -(-len(block) // 2)].hex().encode()[: len(block)]
            digest.update(block)
            file.write(block)
            left -= len(block)
    return digest.digest()


def sha256_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


@pytest.mark.parametrize("compression", ["none", "zstd:3", "xz:1", "zlib:1"])
def test_memory_does_not_grow_with_a_file(
    compression: str, server: Sshd, store_path: Path, user: User, tmp_path: Path
) -> None:
    user.may_log_in_to(server)
    large = tmp_path / "large"
    size = LARGE_BYTES if compression in ("none", "zstd:3") else LARGE_BYTES // 10
    digest = write_random(large, size, halved=compression != "none")
    peaks = push_measured(user, server, store_path, large, "--compression", compression)
    assert 0 < peaks.client < CLIENT_BYTES
    assert 0 < peaks.host < HOST_BYTES
    assert sha256_of(store_path / "apps/large/current/large") == digest


@pytest.mark.parametrize(
    ("compression", "factor"),
    [
        ("zstd:3", 2),
        ("zstd:9", 2.5),
        ("zstd:19", 4),
        pytest.param("patch-lzma:1", 1.7, marks=needs_matcher),
        pytest.param("patch-zstd:3", 1.7, marks=needs_matcher),
    ],
)
def test_memory_of_a_difference(
    compression: str, factor: float, server: Sshd, store_path: Path, user: User, tmp_path: Path
) -> None:
    """What the guide says: here for each byte of base and content; at the host the base, and for zstd a window."""
    user.may_log_in_to(server)
    large = tmp_path / "large"
    to = ("--to", target_of(server, store_path))
    write_random(large, BASE_BYTES)
    user.does("push", large, *to, "--compression", "none")
    data = large.read_bytes()
    large.write_bytes(data[: BASE_BYTES // 2] + b"moved" + data[BASE_BYTES // 2 :])
    peaks = push_measured(user, server, store_path, large, "--delta", "--compression", compression)
    window = 0 if compression.startswith("patch") else BASE_BYTES
    assert 0 < peaks.host < HOST_BYTES + BASE_BYTES + window
    assert 0 < max(peaks.client, peaks.maker) < CLIENT_BYTES + factor * 2 * BASE_BYTES
    assert (peaks.maker > 0) == compression.startswith("patch")
    assert (store_path / "apps/large/current/large").read_bytes() == large.read_bytes()


def test_a_tree_of_many_small_files(server: Sshd, store_path: Path, user: User, tmp_path: Path) -> None:
    user.may_log_in_to(server)
    tree = tmp_path / "tree"
    for number in range(FILES):
        path = tree / f"{number % 500:03}" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"the content of {number}\n" * 5)
    to = ("--to", target_of(server, store_path))
    peaks = push_measured(user, server, store_path, tree)
    assert 0 < peaks.client < CLIENT_BYTES
    assert 0 < peaks.host < TREE_HOST_BYTES
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
