"""Run the tools of a cell in turn, and record what each run took."""

from __future__ import annotations

import contextlib
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bench import tools
from bench.cells import Cell
from bench.releases import Pair
from bench.results import Result, Taken
from bench.room import Room


def measure(cell: Cell, room: Room, pair: Pair, runs: int) -> Result:
    """Measure a cell; the tools alternate."""
    taken = {tool: Taken() for tool in cell.tools if tools.available(tool)}
    pair = _named_alike(pair, room)
    with room.kept_connection() if cell.keeps_connection else contextlib.nullcontext():
        _rounds(cell, room, pair, runs, taken)
    return Result(room.link.shape.name, pair.name, cell.name, taken)


def _rounds(cell: Cell, room: Room, pair: Pair, runs: int, taken: dict[str, Taken]) -> None:
    """The first round is not counted; a peer that fails in it is left out."""
    for number in range(runs + 1):
        for name in list(taken):
            try:
                _run(cell, room, pair, name, taken[name])
            except subprocess.CalledProcessError as error:
                if name == tools.OURS or number:
                    raise
                print(f"{name} fails here: {(error.stderr or '').strip()[-300:]}", file=sys.stderr)
                del taken[name]
                continue
            if not number:
                taken[name] = Taken()


def _run(cell: Cell, room: Room, pair: Pair, name: str, taken: Taken) -> None:
    tool = cell.tools[name]
    cell.before(room, pair, tool, name)
    words = tool(room, cell.artifact(pair))
    wire, cpu, began = room.link.sent(), room.host_cpu(), time.perf_counter()
    used = room.run(words)
    taken.seconds.append(time.perf_counter() - began)
    taken.cpu.append(_processor(used))
    taken.host_cpu.append(room.host_cpu() - cpu)
    taken.memory.append(used.ru_maxrss * 1024)
    taken.wire.append(room.link.sent() - wire)


def _copy_tree(source: Path, place: Path, previous: list[Path]) -> None:
    """A copy that shares its unchanged files with the previous release, as a build would leave them."""
    alike = [f"--link-dest={one}" for one in previous]
    subprocess.run(["rsync", "-a", *alike, f"{source}/", str(place)], check=True)


def _processor(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def _named_alike(pair: Pair, room: Room) -> Pair:
    """The same artifacts under the same file name, as a build leaves them."""
    places = []
    for which, source in (("previous", pair.previous), ("next", pair.next)):
        place: Path = room.directory / which / pair.name
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            if source.is_dir():
                _copy_tree(source, place, places)
            else:
                shutil.copy2(source, place)
        places.append(place)
    return Pair(pair.name, *places)
