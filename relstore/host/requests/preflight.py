"""Would this host run the release? Asked before anything is sent, so that a bad answer costs nothing.

Each check gives problems in a person's words, with what to do. Changes nothing. Not for units
(``preflight_units``), nor for disk space, which the upload asks for with its exact sizes (``store.room``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from relstore.errors import RelstoreError
from relstore.formats.executable import Executable
from relstore.host.job import start as detach
from relstore.host.requests.preflight_units import unit_problems
from relstore.protocol import Preflight, Preflighted, Problem

_COMPATIBLE = {
    "x86_64": ("x86_64", "i686", "i386"),
    "aarch64": ("aarch64", "arm", "armv7l", "armv8l"),
    "ppc64": ("ppc64", "ppc"),
    "s390x": ("s390x", "s390"),
    "mips64": ("mips64", "mips"),
}
"""What a kernel of the first also runs, as a rule."""
_MAX_NAMED = 3


def preflight(root: str, request: Preflight, password: str) -> Preflighted:
    """All that would go wrong on this host with the store at ``root``."""
    real = os.path.realpath(root)
    problems = [*_programs(request.programs)]
    if request.switch:
        problems += _detaching()
        problems += unit_problems(real, request.app, request.recipe, password)
    return Preflighted(tuple(problems))


def _programs(programs: tuple[Executable, ...]) -> Iterator[Problem]:
    machine = os.uname().machine
    runs = _COMPATIBLE.get(machine, (machine,))
    foreign = [
        one for one in programs if one.machine and one.machine not in runs and not _emulates(one.machine)
    ]
    if foreign:
        kinds = ", ".join(sorted({one.machine for one in foreign}))
        yield Problem(
            f"{_named([one.path for one in foreign])} built for {kinds}, and this host is {machine}",
            f"Build for {machine}.",
        )
    fitting = [one for one in programs if one not in foreign]
    for loader in sorted({one.loader for one in fitting if one.loader and not os.path.exists(one.loader)}):
        paths = [one.path for one in fitting if one.loader == loader]
        yield Problem(
            f"{_named(paths)} linked for the dynamic loader {loader}, which this host does not have",
            "Link statically, or build on a distribution like the host's (glibc or musl, as it has).",
        )
    for name in sorted({one.interpreter for one in fitting if one.interpreter}):
        if not os.path.exists(name):
            paths = [one.path for one in fitting if one.interpreter == name]
            yield Problem(
                f"{_named(paths)} to be run by {name}, which this host does not have",
                f"Install {name} there.",
            )


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


def _detaching() -> Iterator[Problem]:
    try:
        detach.method()
    except RelstoreError as error:
        yield Problem(error.what, error.hint)
