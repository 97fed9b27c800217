"""P6, P9: against somebody who can write where the store is, nothing outside changes and no file is shared.

*Swaps.* Each scenario stops after each call that opens or changes something. Then a directory of the store is
swapped for a symlink to one outside, or a file for a symlink or a hard link to one outside, preferring what
changed last, and the scenario continues. Nothing outside may change. *Shared files.* An artifact whose files are
open for writing and have other names is pushed to a store on the same file system, and then written to.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.proof import stops
from tests.proof.every_call import CALLS
from tests.proof.scenarios import Kit, Scenario, copy, run_code, said_done, scenarios, two
from tests.proof.stops import Running
from tests.proof.tally import Tally, some, try_all
from tests.support.user import User

_STOPS = (*CALLS, "openat", "flock")
_CASES = 150
"""Cases for each scenario."""
_NEWEST = 6
_TIMEOUT_S = 180

_BY_PATH = """
import os
os.chdir(sys.argv[1] + "/../../staging")
for name in ("one", "two"):
    os.mkdir(name)
    with open(name + "/content", "w") as file:
        file.write("new")
    os.chmod(name + "/content", 0o444)
    os.rename(name, "../builds/" + name)
os.write(1, b"done")
"""
"""What most deployment scripts do: they trust that a path leads where it led before."""


class Swap(NamedTuple):
    """A swap after the ``number``-th ``call``."""

    scenario: Scenario
    base: Path
    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.call} {self.number} of {self.scenario.name}"


def missing() -> str:
    """Why this proof cannot run here, or an empty text."""
    return "" if shutil.which("strace") else "there is no strace"


def prove(directory: Path, most: int | None) -> Iterator[Tally]:
    """``most``: the most swaps in each scenario, instead of 150."""
    kit = Kit.make(directory)
    count = min(_CASES, most or _CASES)
    for scenario in scenarios(kit, directory):
        tally = Tally(f"swaps during {scenario.name}")
        try_all(tally, _swaps(scenario, directory, count), _try, directory / scenario.name)
        yield tally
    naive = Scenario("a naive program", two, partial(run_code, _BY_PATH), said_done, lambda top: iter(()))
    caught = Tally("control")
    try_all(caught, _swaps(naive, directory, _CASES), _try, directory / "naive")
    tally = Tally("a file that somebody holds open", 1, list(_shared(directory / "shared", _by_relstore)))
    tally.control("a program that trusts paths", caught.violations)
    tally.control("a push by hard links", list(_shared(directory / "linked", _by_links)))
    yield tally


def _swaps(scenario: Scenario, directory: Path, count: int) -> list[Swap]:
    base = directory / f"{scenario.name}.base"
    scenario.prepare(base)
    calls = stops.calls(scenario, _STOPS, base, directory)
    swaps = [
        Swap(scenario, base, call, number) for call, times in calls.items() for number in range(1, times + 1)
    ]
    return list(some(swaps, count))


def _try(swap: Swap, place: Path) -> Iterator[str]:
    top = copy(swap.base, place)
    running = Running(swap.scenario, top, (swap.call, swap.number))
    stopped = running.wait_until_stopped()
    if not stopped:
        running.join(_TIMEOUT_S)
        return  # another run wrote the bytecode of the helper, so this call was not made
    victim, canary = _swap(top, place, random.Random(str(swap)))
    before = _seen(canary)
    os.kill(stopped, signal.SIGCONT)
    running.join(_TIMEOUT_S)
    what = f"{victim.relative_to(place)} -> {'directory' if canary.is_dir() else 'file'}"
    if running.ended is None:
        yield f"{what}: does not end"
    elif "Traceback" in running.ended.err:
        yield f"{what}: a traceback: {running.ended.err[-700:]}"
    after = _seen(canary)
    yield from (f"{what}: {path} outside the store was changed: {before.get(path)}, {after.get(path)}"
                for path in sorted({*before, *after}) if before.get(path) != after.get(path))  # fmt: skip


def _swap(top: Path, place: Path, chance: random.Random) -> tuple[Path, Path]:
    """Make something in the store lead outside; returns its path, and where it leads now."""
    paths = [top, *(path for path in top.rglob("*") if not path.is_symlink() and "helpers" not in path.parts)]
    newest = sorted(paths, key=lambda path: path.lstat().st_ctime_ns)[-_NEWEST:]
    victim = chance.choice(newest if chance.random() < 0.6 else paths)
    canary = place / "canary"
    if victim == top:
        shutil.copytree(Path(__file__).parent, canary)  # stands for another directory beside the store
    else:
        subprocess.run(["cp", "-a", str(victim), str(canary)], check=True)
    victim.rename(place / "aside")
    if canary.is_file() and chance.random() < 0.5:
        victim.hardlink_to(canary)
    else:
        victim.symlink_to(canary)
    return victim, canary


def _seen(top: Path) -> dict[str, object]:
    """Every path there, with its mode, owner, modification time and bytes."""
    found: dict[str, object] = {}
    for path in (top, *top.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        found[str(path)] = (status.st_mode, status.st_uid, status.st_mtime_ns, content)
    return found


def _shared(place: Path, push: Callable[[User, Path, Path], object]) -> Iterator[str]:
    """Push within one file system, with every file open for writing and under a second name."""
    user = User.create(place / "home")
    artifact = place / "site"
    artifact.mkdir()
    for name, size in (("small", 100), ("large", 1_000_000)):
        (artifact / name).write_bytes(os.urandom(size))
        (place / f"{name} too").hardlink_to(artifact / name)
    store = place / "store"
    held = [os.open(artifact / name, os.O_RDWR) for name in ("small", "large")]
    try:
        push(user, artifact, store)
        inodes = {path.stat().st_ino for path in store.rglob("*") if path.is_file()}
        if inodes & {os.fstat(fd).st_ino for fd in held}:
            yield "a published object is a file of the artifact"
            return
        for fd in held:
            os.write(fd, b"written to later")
        ran = user.run("verify", "--to", store)
        if ran.code:
            yield f"writing to the artifact changed the store: {ran.err}"
    finally:
        for fd in held:
            os.close(fd)


def _by_relstore(user: User, artifact: Path, store: Path) -> None:
    user.does("push", artifact, "--to", store)


def _by_links(user: User, artifact: Path, store: Path) -> None:
    subprocess.run(["cp", "-al", str(artifact), str(store)], check=True)
