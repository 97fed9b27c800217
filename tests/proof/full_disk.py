"""P9: on a file system without free bytes or inodes, the message is clear, the old version stays live, gc frees space.

Each case mounts a small tmpfs of its own (root only); each push needs a little more than the last.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.proof.tally import Tally, try_all
from tests.support.host_state import problems
from tests.support.user import Ran, User

_FEW_INODES = 10_000
_LIMITS = ("size=16m", "size=64m,nr_inodes=1000")


def missing() -> str:
    """Why this proof cannot run here, or an empty text."""
    with tempfile.TemporaryDirectory() as directory:
        words = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", directory]
        tried = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False)
        if tried.returncode:
            return f"no file system can be mounted here: {tried.stderr.strip()}"
        subprocess.run(["umount", directory], check=True)
    return ""


def prove(directory: Path, most: int | None) -> Iterator[Tally]:
    """``most`` is not used: there are few cases."""
    tally = Tally("push until the disk is full, gc, push again")
    try_all(tally, _LIMITS, _try, directory)
    yield tally


@contextmanager
def _mounted(place: Path, limits: str) -> Iterator[Path]:
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{limits},mode=755", "none", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _release(place: Path, number: int) -> Path:
    place.mkdir(exist_ok=True)
    (place / "version").write_text(str(number))
    (place / "large").write_bytes(os.urandom(1_000_000))
    for file in range(10):
        (place / f"file-{file}").write_text(f"{file} of {number}")
    return place


def _try(limits: str, place: Path) -> Iterator[str]:
    user = User.create(place / "home")
    with _mounted(place / "disk", limits) as disk:
        store = disk / "store"
        to = ("--to", store, "--app", "site")

        def push(number: int) -> Ran:
            return user.run("push", _release(place / "release", number), *to)

        number = 1
        while (ran := push(number)).code == 0:
            number += 1
            if number > 100:
                yield "the disk is never full"
                return
        if ran.code != 1 or ("space" not in ran.err + ran.out and "inode" not in ran.err + ran.out):
            yield f"an unclear failure: {ran.code} {ran.err}"
        if (store / "apps/site/current/version").read_text() != str(number - 1):
            yield "the old version is not live"
        yield from problems(store)
        _fill(disk)
        back = user.run("switch-generation", "-1", *to)
        if back.code != 0 or (store / "apps/site/current/version").read_text() != str(number - 2):
            yield f"a switch back fails on the full disk: {back.code} {back.err}"
        _fill(disk)
        freed = user.run("gc", "--keep", "1", *to)
        if freed.code != 0:
            yield f"gc fails on the full disk: {freed.err}"
        for filler in disk.glob("filler*"):
            filler.unlink()
        if (again := push(number)).code != 0:
            yield f"the push fails after gc: {again.err}"
        if (store / "apps/site/current/version").read_text() != str(number):
            yield "the new version is not live"
        yield from problems(store)


def _fill(disk: Path) -> None:
    """Use up the last bytes where bytes are the limit, and the last inodes where these are."""
    with contextlib.suppress(OSError), open(disk / "filler", "ab", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)
    if os.statvfs(disk).f_files > _FEW_INODES:
        return
    with contextlib.suppress(OSError):
        for number in itertools.count():
            (disk / f"filler-{number}").touch(exist_ok=True)
