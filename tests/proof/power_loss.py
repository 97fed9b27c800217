"""P1, P3, P5, P6: the power fails at any moment, and the disk keeps what it had flushed and any part of the rest.

Releases are pushed, switched to and collected, and events are recorded beside another program that syncs, on a file
system whose disk records every write. Then disks are created as a power cut at each flush would have left them, with
none, all, or a random part of the unflushed writes; each is mounted and checked. The same run with syncs that do nothing
must be caught.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from relstore.formats.generation import Generation
from relstore.store.store import Store
from tests.proof.disk import Disk, Flush, Write, attached, loop, mounted
from tests.proof.scenarios import KEEP_ONE, Ended, Kit, job, push_of, run_code, session
from tests.proof.tally import Tally, some
from tests.support.conversation import Client
from tests.support.host_side import WEB, Content, Copied, Program
from tests.support.host_state import problems

SIZES = {"ext4": 64 << 20, "xfs": 320 << 20, "btrfs": 128 << 20}
_MAKE = {
    "ext4": ("mkfs.ext4", "-q", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"),
    "xfs": ("mkfs.xfs", "-q", "-K"),
    "btrfs": ("mkfs.btrfs", "-q", "-K"),
}
NO_SYNC = ("fsync", "fdatasync", "syncfs", "sync")
DIRECTORIES_ONLY = ("syncfs",)
"""Only the fsync of directories remains, and that of the small files which have their own."""

RELEASES: tuple[dict[str, Content], ...] = tuple(
    {
        "version": b"%d" % number,
        "shared": b"in all of them" * 100,
        "deep/program": Program(b"release %d\n" % number * 2000),
        "deep/copy": Copied(b"copy %d\n" % number * 2000),
        "empty": b"",
    }
    for number in range(1, 5)
)

APPENDS = 4
APPEND = """
from relstore.formats.journal import MARKED_GOOD, Event
from relstore.store import journal
from relstore.store.directory import Dir
with Dir.open_path(sys.argv[1]) as app:
    journal.append(app, *[Event(1, MARKED_GOOD, 1, 0, "", "me@desk", "x" * 200)] * 30)
"""
"""Several events at once, over the ends of two blocks, as a collection writes them."""


class Mark(NamedTuple):
    """What was acknowledged when the disk's journal had this length, and what was under way from then on."""

    position: int
    generations: int
    current: int
    next_current: int


class Cut(NamedTuple):
    """A power cut: what is on the disk, and the last mark before it."""

    position: int
    part: str
    kept: Sequence[Write]
    mark: Mark | None

    def __str__(self) -> str:
        return f"cut at {self.position} ({self.part})"


def missing() -> str:
    """Why this proof cannot run here, or an empty text."""
    return "there is no strace" if not shutil.which("strace") else _why_not("ext4")


def _why_not(kind: str) -> str:
    """Why a file system of that kind cannot be on our disk, or an empty text."""
    if not shutil.which(_MAKE[kind][0]):
        return f"there is no {_MAKE[kind][0]}"
    disk = Disk(SIZES[kind])
    try:
        with tempfile.TemporaryDirectory() as directory, attached(disk, Path(directory)) as device:
            subprocess.run(
                [*_MAKE[kind], device], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            with mounted(device, Path(directory) / "mount", kind):
                pass
    except (OSError, subprocess.CalledProcessError) as error:
        return f"{kind} cannot be made and mounted here: {error}"
    return "" if disk.journal else "no write reached the disk"


def prove(directory: Path, most: int | None) -> Iterator[Tally]:
    """``most``: the most cuts for each file system."""
    kit = Kit.make(directory)
    for kind in _MAKE:
        why = _why_not(kind)
        if why:
            print(f"power cuts, {kind}: not run: {why}")
            continue
        tally = Tally(f"power cuts, {kind}")
        for problem in _play(kit, directory / kind, kind, (), most, tally):
            tally.violations.append(problem)
        for name, calls in (("no sync at all", NO_SYNC), ("directories only", DIRECTORIES_ONLY)):
            place = directory / f"{kind}-{name.replace(' ', '-')}"
            tally.control(name, list(_play(kit, place, kind, calls, most, Tally(name))))
        yield tally


def _play(
    kit: Kit, directory: Path, kind: str, skipped: Sequence[str], most: int | None, tally: Tally
) -> Iterator[str]:
    """Record, cut and check; yields what is wrong. ``skipped``: calls that do nothing."""
    directory.mkdir()
    disk, marks = _record(kit, directory, kind, skipped)
    begin = marks[0].position
    image = directory / "durable"
    with open(image, "wb") as file:
        file.truncate(disk.size)
        _apply(file.fileno(), [one for one in disk.journal[:begin] if isinstance(one, Write)])
        done = begin
        for cut, flushed in some(list(_cuts(disk, marks)), most):
            _apply(file.fileno(), [one for one in disk.journal[done:flushed] if isinstance(one, Write)])
            done = flushed
            tally.cases += 1
            for problem in _look(directory, image, kind, cut):
                yield f"{kind}, {cut}: {problem}"


def _record(kit: Kit, directory: Path, kind: str, skipped: Sequence[str]) -> tuple[Disk, list[Mark]]:
    disk = Disk(SIZES[kind])
    marks: list[Mark] = []
    # strace skips a call whose result it injects, and -f follows child processes.
    faults = [word for call in skipped for word in ("-e", f"inject={call}:retval=0")]
    prefix = (
        ["strace", "-qq", "-f", "-o", "/dev/null", "-e", f"trace={','.join(skipped)}", *faults]
        if skipped
        else []
    )
    with attached(disk, directory) as device:
        subprocess.run(
            [*_MAKE[kind], device], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with mounted(device, directory / "mount", kind) as top:
            store = top / "store"
            Store.open(str(store), create=True).close()
            subprocess.run(["sync", "-f", str(top)], check=True)
            _run(kit, directory, store, prefix, disk, marks)
    return disk, marks


def _run(kit: Kit, directory: Path, store: Path, prefix: list[str], disk: Disk, marks: list[Mark]) -> None:
    """Run the scenarios while the disk records."""

    def mark(generations: int, current: int, next_current: int) -> None:
        marks.append(Mark(len(disk.journal), generations, current, next_current))

    mark(0, 0, 0)
    for number, tree in enumerate(RELEASES, start=1):
        current = number - 1
        _went_well(session(kit, directory, f"push-{number}", push_of(tree))(store, prefix))
        mark(number, current, number)
        _went_well(job(kit, number, store, prefix))
        mark(number, number, number)
    with _neighbour(store.parent):
        for _ in range(APPENDS):
            _went_well(run_code(APPEND, store, prefix))
    mark(len(RELEASES), len(RELEASES), len(RELEASES))
    _went_well(session(kit, directory, "collect", Client().say(KEEP_ONE))(store, prefix))
    mark(len(RELEASES), len(RELEASES), len(RELEASES) - 1)
    _went_well(job(kit, len(RELEASES) - 1, store, prefix))
    mark(len(RELEASES), len(RELEASES) - 1, len(RELEASES) - 1)


@contextlib.contextmanager
def _neighbour(top: Path) -> Iterator[None]:
    """Another program that writes to the same disk and syncs, so that what it finds half written goes to disk too."""
    stop = threading.Event()

    def sync() -> None:
        with open(top / "neighbour", "wb") as file:
            while not stop.wait(0.002):
                file.write(b"of another program")
                file.flush()
                os.fsync(file.fileno())

    thread = threading.Thread(target=sync)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _went_well(ended: Ended) -> None:
    if ended.code:
        raise RuntimeError(f"the scenario fails without a power cut: {ended}")


def _cuts(disk: Disk, marks: Sequence[Mark]) -> Iterator[tuple[Cut, int]]:
    """Each cut, right before a flush or at the end, with the position up to which everything is flushed."""
    chance = random.Random(1)
    journal = disk.journal
    flushed = marks[0].position
    for position in range(flushed, len(journal) + 1):
        if position < len(journal) and not isinstance(journal[position], Flush):
            continue
        loose = [one for one in journal[flushed:position] if isinstance(one, Write)]
        before = [mark for mark in marks if mark.position <= position]
        mark = before[-1] if before else None
        parts: list[tuple[str, list[Write]]] = [("no unflushed writes", [])]
        if loose:
            parts.append(("all unflushed writes", loose))
            parts += [
                (f"part {number}", [one for one in loose if chance.random() < 0.5]) for number in (1, 2)
            ]
        for part, kept in parts:
            yield Cut(position, part, kept, mark), flushed
        flushed = position


def _apply(fd: int, writes: Sequence[Write]) -> None:
    for write in writes:
        os.pwrite(fd, write.data, write.offset)


def _look(directory: Path, durable: Path, kind: str, cut: Cut) -> list[str]:
    """What is wrong after the cut. An image that cannot be read at all is checked a second time: its content does
    not change, but other users of loop devices on this machine may have interfered."""
    image = directory / "image"
    why = ""
    for _ in range(2):
        subprocess.run(["cp", "--sparse=always", str(durable), str(image)], check=True)
        with open(image, "r+b") as file:
            _apply(file.fileno(), cut.kept)
        try:
            with loop(image) as device, mounted(device, directory / "after", kind) as top:
                return list(_judge(top / "store", cut.mark))
        except subprocess.CalledProcessError as error:
            why = f"{error} {error.stderr}"
        except OSError as error:
            why = str(error)
    return [f"the file system cannot be mounted and read: {why}"]


def _judge(store: Path, mark: Mark | None) -> Iterator[str]:
    if mark is None:
        return
    yield from problems(store)[:3]
    yield from _shelf(store)
    if not mark.generations:
        return
    try:
        with Store.open(str(store)) as opened, opened.app(WEB) as app:
            found: list[Generation] = app.generations()
            current = app.current() or 0
    except Exception as error:  # noqa: BLE001 - any error means that the store cannot be read
        yield f"the store cannot be read: {error!r}"
        return
    if len(found) < mark.generations:
        yield f"{len(found)} generations, but {mark.generations} were acknowledged"
    if current not in (mark.current, mark.next_current):
        yield f"{current} is current, but {mark.current} was acknowledged"
    elif current:
        live = store / "apps" / WEB / "current" / "version"
        try:
            if live.read_bytes() != b"%d" % current:
                yield f"current, {current}, has {live.read_bytes()!r}"
        except OSError as error:
            yield f"current does not resolve: {error}"


def _shelf(store: Path) -> Iterator[str]:
    for path in (store / "objects").glob("*/*"):
        name = path.name.removesuffix(".x")
        if not name.startswith(".tmp-") and blake3(path.read_bytes()).hexdigest() != name:
            yield f"the object {path.name} has other bytes"
