"""What is measured: pieces of work, and how each tool does them."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.links import Link
from bench.releases import Pair
from tests.hosts.sshd import Sshd

OURS = "relstore"


class Room:
    """A link with a real sshd at its far end, and a home directory of its own for the client."""

    def __init__(self, link: Link, directory: Path, account: str | None) -> None:
        """``account``: to log in to; None for the one that runs this, whose shell may be slow to start."""
        self.link = link
        self.account = account
        self.directory = directory
        self.home = directory / "home"
        self.remote = directory / "remote"

    def __enter__(self) -> Room:
        (self.home / ".ssh").mkdir(parents=True)
        self._make_remote()
        self.server = Sshd.start(
            self.directory, user=self.account, address=self.link.address, prefix=self.link.host
        )
        config = self.server.config.read_text() + f"    Port {self.server.port}\n"
        (self.home / ".ssh" / "config").write_text(config)
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.stop()

    @property
    def place(self) -> str:
        return f"{self.server.user}@{self.link.address}"

    def ssh(self, *words: str) -> list[str]:
        return [*self.ssh_words("ssh"), self.place, *words]

    def ssh_words(self, program: str) -> list[str]:
        return [program, "-F", str(self.home / ".ssh" / "config")]

    def relstore(self, *words: str) -> list[str]:
        store = f"{self.place}:{self.server.port}:{self.remote}/store"
        return [sys.executable, "-m", "relstore", "-q", *words, "--app", "app", "--to", store]

    def run(self, words: list[str]) -> None:
        environment = {**os.environ, "HOME": str(self.home)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        subprocess.run(
            [*self.link.client, *words],
            check=True,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def clear(self) -> None:
        """Nothing is at the host any more, and nothing in the client's cache of contents."""
        shutil.rmtree(self.remote)
        self._make_remote()
        for kind in ("objects", "patches"):
            shutil.rmtree(self.home / ".cache" / "relstore" / kind, ignore_errors=True)

    def _make_remote(self) -> None:
        self.remote.mkdir()
        self.remote.chmod(0o777)


Tool = Callable[[Room, Path], list[str]]
"""The command line with which a tool brings a file to the host."""


def _relstore(room: Room, file: Path) -> list[str]:
    return room.relstore("push", str(file))


def _scp(room: Room, file: Path) -> list[str]:
    return [*room.ssh_words("scp"), "-q", str(file), f"{room.place}:{room.remote}/by-scp"]


def _cat(room: Room, file: Path) -> list[str]:
    words = " ".join(room.ssh(f"'cat > {room.remote}/by-cat'"))
    return ["sh", "-c", f"{words} < {file}"]


def _rsync(*options: str) -> Tool:
    def words(room: Room, file: Path) -> list[str]:
        shell = " ".join(room.ssh_words("ssh"))
        return ["rsync", "-e", shell, *options, str(file), f"{room.place}:{room.remote}/by-rsync"]

    return words


TOOLS: dict[str, Tool] = {
    OURS: _relstore,
    "scp": _scp,
    "ssh cat": _cat,
    "rsync -z": _rsync("-z"),
    "rsync --zc=zstd": _rsync("-z", "--zc=zstd"),
    "rsync -W": _rsync("-W"),
}


@dataclass(frozen=True)
class Cell:
    """A piece of work. ``before`` brings the host into the state that it starts from."""

    name: str
    tools: tuple[str, ...]
    before: Callable[[Room, Pair, str], None]
    file: Callable[[Pair], Path]


def _empty(room: Room, pair: Pair, tool: str) -> None:
    room.clear()
    if tool == OURS:
        # The helper is there, as it is on any host that was pushed to before.
        small = room.directory / "small"
        small.write_text("small")
        room.run(room.relstore("push", str(small)))


def _with(which: Callable[[Pair], Path]) -> Callable[[Room, Pair, str], None]:
    def before(room: Room, pair: Pair, tool: str) -> None:
        _empty(room, pair, tool)
        room.run(TOOLS[tool](room, which(pair)))

    return before


CELLS = (
    Cell("first push", tuple(TOOLS), _empty, lambda pair: pair.next),
    Cell("unchanged", (OURS, "rsync -z"), _with(lambda pair: pair.next), lambda pair: pair.next),
    Cell(
        "next release",
        (OURS, "scp", "rsync -z", "rsync --zc=zstd"),
        _with(lambda pair: pair.former),
        lambda pair: pair.next,
    ),
)


@dataclass
class Taken:
    """What the runs of one tool took."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Seconds of the client's processor time."""
    wire: list[int] = field(default_factory=list)
    """Bytes."""


@dataclass(frozen=True)
class Result:
    """One cell, measured."""

    link: str
    program: str
    work: str
    taken: dict[str, Taken]

    @property
    def cell(self) -> tuple[str, str, str]:
        return self.work, self.program, self.link


def load(file: Path) -> list[Result]:
    """The results that were saved."""
    found = json.loads(file.read_text()) if file.exists() else []
    return [
        Result(
            one["link"],
            one["program"],
            one["work"],
            {name: Taken(**taken) for name, taken in one["taken"].items()},
        )
        for one in found
    ]


def save(file: Path, results: list[Result]) -> None:
    """Keep results."""
    file.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")


def run(cell: Cell, room: Room, pair: Pair, runs: int) -> Result:
    """Measure a cell; the tools alternate, and the first round is not counted."""
    taken = {tool: Taken() for tool in cell.tools}
    pair = _named_alike(pair, room)
    for number in range(runs + 1):
        for tool, mine in taken.items():
            cell.before(room, pair, tool)
            wire, cpu, began = room.link.sent(), _cpu(), time.perf_counter()
            room.run(TOOLS[tool](room, cell.file(pair)))
            seconds = time.perf_counter() - began
            if number:
                mine.seconds.append(seconds)
                mine.cpu.append(_cpu() - cpu)
                mine.wire.append(room.link.sent() - wire)
    return Result(room.link.shape.name, pair.name, cell.name, taken)


def _named_alike(pair: Pair, room: Room) -> Pair:
    """The same files under one name, as a build leaves them."""
    places = []
    for which, source in (("former", pair.former), ("next", pair.next)):
        place = room.directory / which / pair.name
        place.parent.mkdir(exist_ok=True)
        shutil.copy2(source, place)
        places.append(place)
    return Pair(pair.name, *places)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
