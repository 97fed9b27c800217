"""Could this host run the executables of a release? Part of ``preflight``.

A build may hold programs that are not for this host, such as prebuilt binaries of a package for all machines.
So only two things stop a push: a program that a unit starts, and a build of which nothing would run.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import NamedTuple, Optional

from relstore.formats.executable import Executable
from relstore.formats.finding import Guess
from relstore.protocol import Problem

_COMPATIBLE = {
    "x86_64": ("x86_64", "i686", "i386"),
    "aarch64": ("aarch64", "arm", "armv7l", "armv8l"),
    "ppc64": ("ppc64", "ppc"),
    "s390x": ("s390x", "s390"),
    "mips64": ("mips64", "mips"),
}
"""What a kernel of the first also runs, as a rule."""
_MAX_NAMED = 3


class Judged(NamedTuple):
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    """What does not run here and need not."""


class _Obstacle(NamedTuple):
    """Why this host does not run a program: the end of a sentence that begins with the program."""

    kind: Guess
    what: str
    hint: str


def judge(programs: Collection[Executable], started: Collection[str], own: tuple[str, ...] = ()) -> Judged:
    """``started``: the paths, inside the build, of what the units start, as far as that is known.

    ``own``: beginnings of the paths by which releases of the app are run. An interpreter there, as in a
    virtual environment, comes with the release.
    """
    obstacles = {program: _obstacle(program, own) for program in programs}
    is_settled = any(
        program.machine and program.path in started and obstacle is None
        for program, obstacle in obstacles.items()
    )
    problems: dict[_Obstacle, list[str]] = {}
    notes: dict[_Obstacle, list[str]] = {}
    for program, obstacle in obstacles.items():
        if obstacle is None:
            continue
        # Binaries are weighed against binaries: a script that starts them says nothing about them.
        peers = [other for other in programs if bool(other.machine) == bool(program.machine)]
        nothing_runs = not is_settled and all(obstacles[other] for other in peers)
        counts = problems if program.path in started or nothing_runs else notes
        counts.setdefault(obstacle, []).append(program.path)
    return Judged(
        tuple(
            Problem.of(obstacle.kind, f"{_named(paths)} {obstacle.what}", obstacle.hint)
            for obstacle, paths in problems.items()
        ),
        tuple(f"{_named(paths)} {obstacle.what}" for obstacle, paths in notes.items()),
    )


def _obstacle(program: Executable, own: tuple[str, ...]) -> Optional[_Obstacle]:
    machine = os.uname().machine
    if program.machine not in ("", *_COMPATIBLE.get(machine, (machine,))) and not _emulates(program.machine):
        return _Obstacle(
            "program-machine",
            f"built for {program.machine}, and this host is {machine}",
            f"Build for {machine}.",
        )
    if program.loader and not os.path.exists(program.loader):
        return _Obstacle(
            "program-loader",
            f"linked for the dynamic loader {program.loader}, which this host does not have",
            "Link statically, or build on a distribution like the host's (glibc or musl, as it has).",
        )
    if program.interpreter.endswith("\r"):
        return _Obstacle(
            "program-line-ending",
            "no script that Linux runs: a carriage return ends its #! line",
            "Save it with Unix line endings (`sed -i 's/\\r$//'`).",
        )
    if program.interpreter and not (
        program.interpreter.startswith(own) or os.path.exists(program.interpreter)
    ):
        return _Obstacle(
            "program-interpreter",
            f"to be run by {program.interpreter}, which this host does not have",
            f"Install {program.interpreter} there.",
        )
    return None


def _named(paths: list[str]) -> str:
    """The first few, with the verb that follows."""
    first = ", ".join(paths[:_MAX_NAMED])
    if len(paths) > _MAX_NAMED:
        return f"{first} and {len(paths) - _MAX_NAMED} more are"
    return f"{first} {'is' if len(paths) == 1 else 'are'}"


def _emulates(machine: str) -> bool:
    """Whether binfmt_misc has an interpreter for programs of that machine."""
    name = {"i686": "i386", "armv7l": "arm"}.get(machine, machine)
    return os.path.exists(f"/proc/sys/fs/binfmt_misc/qemu-{name}")
