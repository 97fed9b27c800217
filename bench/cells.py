"""What is measured: which tasks, on which artifacts, over which links, with which tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import capistrano, tools
from bench.releases import ARCHIVE, PROGRAMS, SMALLER_TREE, TREE, Pair
from bench.room import Room
from bench.tools import OURS, Tool


@dataclass(frozen=True)
class Cell:
    """A task. ``before`` puts the host into the state that the task starts from, for one tool."""

    name: str
    tools: Mapping[str, Tool]
    before: Callable[[Room, Pair, Tool, str], None]
    artifact: Callable[[Pair], Path]
    pairs: tuple[str, ...] = PROGRAMS
    links: tuple[str, ...] = ()
    """The links to measure over; all of them when empty."""
    keeps_connection: bool = False
    """Whether all tools share one connection that stays open (ControlMaster of ssh_config(5))."""


def _empty(room: Room, pair: Pair, tool: Tool, name: str) -> None:
    room.clear()
    if name == OURS:
        # The helper is installed, as on any host that was pushed to before.
        small = room.directory / "small"
        small.write_text("small")
        room.run(tool(room, small) if tool is tools.to_all else tools.relstore(room, small))


def _former(room: Room, pair: Pair, tool: Tool, name: str) -> None:
    _empty(room, pair, tool, name)
    seed = tools.SEEDS.get(name)
    if seed is None:
        room.run(tool(room, pair.previous))
    else:
        seed(room, pair.previous)


def _next(room: Room, pair: Pair, tool: Tool, name: str) -> None:
    _empty(room, pair, tool, name)
    room.run(tool(room, pair.next))


def _both(room: Room, pair: Pair, tool: Tool, name: str) -> None:
    _empty(room, pair, tool, name)
    bring = {OURS: tools.relstore, "capistrano": capistrano.deploy}.get(name, tool)
    room.run(bring(room, pair.previous))
    room.run(bring(room, pair.next))


_ANY: dict[str, Tool] = {
    OURS: tools.relstore,
    "scp": tools.scp,
    "rsync -z": tools.rsync("-z"),
    "rsync -z --zc=zstd": tools.rsync("-z", "--zc=zstd"),
    "nix copy": tools.nix,
    "casync": tools.casync,
    "capistrano": capistrano.deploy,
}
_FILES = {**_ANY, "ssh cat": tools.cat, "rsync -W": tools.rsync("-W")}
_DELTAS = {**_ANY, "rsync -z --fuzzy": tools.rsync_fuzzy}

CELLS = (
    Cell("first push", _FILES, _empty, lambda pair: pair.next),
    Cell(
        "unchanged",
        {
            OURS: tools.relstore,
            "rsync -z": tools.rsync("-z"),
            "nix copy": tools.nix,
            "capistrano": capistrano.deploy,
        },
        _next,
        lambda pair: pair.next,
    ),
    Cell(
        "unchanged, kept connection",
        {OURS: tools.relstore, "rsync -z": tools.rsync("-z")},
        _next,
        lambda pair: pair.next,
        pairs=("uv",),
        keeps_connection=True,
    ),
    Cell("next release", _DELTAS, _former, lambda pair: pair.next, pairs=(*PROGRAMS, ARCHIVE)),
    Cell(
        "next release by ostree",
        {OURS: tools.relstore, "ostree": tools.ostree},
        _former,
        lambda pair: pair.next,
        pairs=("ruff", "esbuild"),
        links=("20 Mbit/s, 40 ms",),
    ),
    Cell(
        "switch back",
        {
            OURS: tools.back,
            "rsync -z": tools.rsync("-z"),
            "ssh ln": tools.ssh_ln,
            "capistrano": capistrano.back,
        },
        _both,
        lambda pair: pair.previous,
        pairs=("ruff",),
    ),
    Cell(
        "ten hosts",
        {
            OURS: tools.to_all,
            "rsync -z, in turn": tools.rsync_to_all,
            "rsync -z, at once": tools.rsync_to_all_at_once,
        },
        _former,
        lambda pair: pair.next,
        pairs=("uv", "ruff"),
        links=("20 Mbit/s, 40 ms",),
    ),
    Cell(
        "1 % of a tree",
        {
            OURS: tools.relstore,
            "rsync -az": tools.rsync("-az", "--delete"),
            "rsync -az --link-dest": tools.rsync_releases("-az"),
            "rsync -a --link-dest": tools.rsync_releases("-a"),
        },
        _former,
        lambda pair: pair.next,
        pairs=(SMALLER_TREE, TREE),
        links=("loopback", "100 Mbit/s, 20 ms"),
    ),
)
