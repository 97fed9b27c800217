"""Could this host make a release live? All that can be known without one. Changes nothing.

What preflight finds of units, and beside that the store, the room on its disk, the journal and the clock. The
client adds whether it could log in, and compares the clocks. Not for a release itself (``preflight``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Optional

from relstore.errors import NoStoreError, RelstoreError
from relstore.formats import finding
from relstore.formats.finding import ASPECTS, Aspect
from relstore.formats.names import AppName
from relstore.formats.recipe import Recipe
from relstore.host import hello
from relstore.host.machine import logind
from relstore.host.machine.privilege import Privilege
from relstore.host.requests import preflight, preflight_units
from relstore.host.service import unit_output
from relstore.host.service.systemd import Systemd
from relstore.protocol import CheckHost, HostChecked, Observation, Problem
from relstore.store import room, root
from relstore.store.directory import Dir
from relstore.store.root import account, explain
from relstore.store.store import Store

_LEAST_BYTES = 64 * 1000 * 1000
_LEAST_INODES = 1000
"""What a push needs at least, where no generation says how large a release is."""
_NOBODY = AppName("app")
_BEFORE_SUDO = {"no-systemd", "systemd-silent", "unit-not-loaded"}
"""Findings with which the right to manage a unit is not asked for."""


def check(path: str, request: CheckHost, password: str) -> HostChecked:
    """All that is wrong with this host for the app of the store at ``path``."""
    received = _now()
    real = os.path.realpath(path)
    seen: dict[Aspect, str] = {}
    problems = [
        *_store(real, request, seen),
        *preflight.detaching(),
        *_units(real, request, password, seen),
        *_journal(request.recipe, seen),
    ]
    return HostChecked(received, _now(), _in_order(seen, problems), tuple(dict.fromkeys(problems)))


def _now() -> int:
    return int(time.time() * 1_000_000)


def _in_order(seen: Mapping[Aspect, str], problems: Sequence[Problem]) -> tuple[Observation, ...]:
    about = {*seen, *(finding.aspect_of(problem.kind) for problem in problems)}
    return tuple(Observation(aspect, seen.get(aspect, "")) for aspect in ASPECTS if aspect in about)


def _store(real: str, request: CheckHost, seen: dict[Aspect, str]) -> Iterator[Problem]:
    """Whether there is a store that this account may change, or may be made; and whether it has room."""
    there = hello.nearest(real)
    yield from _mount(there, request.recipe)
    least = (_LEAST_BYTES, _LEAST_INODES)
    try:
        with Store.open(real) as store:
            store.check_may_change()
            names = store.app_names()
            seen["store"] = f"{real}, with {', '.join(names[:3])}" if names else f"{real}, without an app"
            if len(names) > 3:
                seen["store"] += f" and {len(names) - 3} more"
            least = max(least[0], *_newest(store, request.app)), least[1]
    except NoStoreError as error:
        seen["store"] = f"{real} is made by the first push"
        yield from _could_be_made(real, there, error)
    except RelstoreError as error:
        yield _unusable(error)
    except OSError as error:
        yield _unusable(explain(error, f"the store at {real}"))
    yield from _room(there, least, seen)


def _mount(there: str, recipe: Recipe) -> Iterator[Problem]:
    options = hello.find_mount(there).options
    if _is_read_only(there):
        yield Problem.of(
            "store-unusable",
            f"the file system of {there} is mounted read-only",
            f"Once, as root there: mount -o remount,rw {_mount_point(there)}",
        )
    if "noexec" in options and recipe.unit_names:
        yield Problem.of(
            "store-noexec",
            f"the file system of {there} is mounted noexec, so no unit could run a program from there",
            f"Once, as root there: mount -o remount,exec {_mount_point(there)}, or put the store elsewhere.",
        )


def _is_read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _mount_point(path: str) -> str:
    while not os.path.ismount(path):
        path = os.path.dirname(path)
    return root.shell_word(path)


def _newest(store: Store, app: Optional[AppName]) -> Iterator[int]:
    """How many bytes a release has, as far as the newest generation tells."""
    for name in store.app_names():
        if name == app:
            with store.app(name) as opened:
                table = opened.table()
                if table:
                    yield opened.row(table, table[-1]).generation.size + room.RESERVE_BYTES


def _could_be_made(real: str, there: str, error: NoStoreError) -> Iterator[Problem]:
    """Whether the first push could make the store."""
    if there == real:
        with Dir.open_path(real) as directory:
            if root.foreign(directory):
                yield _unusable(error)
                return
    if not os.access(there, os.W_OK | os.X_OK) and not _is_read_only(there):
        name = account(os.geteuid())
        yield Problem.of(
            "store-unusable",
            f"there is no store at {real}, and {name} may not make one",
            f"Once, as root there: install -d -o {root.shell_word(name)} -m 755 {root.shell_word(real)}",
        )


def _unusable(error: RelstoreError) -> Problem:
    return Problem.of("store-unusable", error.what, error.hint)


def _room(there: str, least: tuple[int, int], seen: dict[Aspect, str]) -> Iterator[Problem]:
    system = os.statvfs(there)
    have_bytes, have_inodes = system.f_bavail * system.f_frsize, system.f_favail if system.f_files else None
    inodes = "" if have_inodes is None else f", {have_inodes:,} inodes"
    seen["room"] = f"{_size(have_bytes)} free{inodes}"
    advice = "`relstore gc --keep 3 --dry-run` shows what would go."
    if have_bytes < least[0]:
        yield Problem.of(
            "disk-full",
            f"{_size(have_bytes)} are free on the file system of {there}, and a release may need "
            f"{_size(least[0])}",
            advice,
        )
    if have_inodes is not None and have_inodes < least[1]:
        yield Problem.of(
            "disk-full", f"{have_inodes:,} inodes are free on the file system of {there}", advice
        )


def _size(count: int) -> str:
    for unit, length in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count} B"


def _units(real: str, request: CheckHost, password: str, seen: dict[Aspect, str]) -> Iterator[Problem]:
    recipe, app = request.recipe, request.app
    if not recipe.unit_names:
        return
    if app is None:
        recipe = recipe._replace(units=recipe.units._replace(run_build=False))
    if Systemd.is_here():
        seen["unit"] = _states(recipe)
        if app is None:
            seen["unit"] += "; of which app is not known, so --app tells what it must run"
    if recipe.units.user:
        if logind.at_logout().lingers:
            seen["linger"] = "the account's manager outlives its sessions"
    elif os.geteuid() == 0:
        seen["sudo"] = "not needed: the account is root"
    else:
        seen["sudo"] = "allows what a push does with the unit, without a terminal"
    if recipe.cut_over is not None:
        seen["front"] = _front(recipe)
    problems = list(preflight_units.unit_problems(real, app or _NOBODY, recipe, password))
    if {problem.kind for problem in problems} & _BEFORE_SUDO:
        seen.pop("sudo", None)  # nobody asked
    yield from problems


def _states(recipe: Recipe) -> str:
    systemd = Systemd(recipe.units, Privilege())
    return ", ".join(f"{name} {systemd.state(name).active or 'unknown'}" for name in recipe.unit_names)


def _front(recipe: Recipe) -> str:
    front = recipe.cut_over.front if recipe.cut_over else None
    if front is not None and front.haproxy is not None:
        return f"HAProxy has the backend {front.haproxy.backend}"
    if front is not None:
        return "is told by a command of yours, which only an activation runs"
    return "needs to be told nothing"


def _journal(recipe: Recipe, seen: dict[Aspect, str]) -> Iterator[Problem]:
    """Whether a failure could be told with the last lines of the unit."""
    if not (recipe.unit_names and Systemd.is_here()):
        return
    seen["journal"] = "can be read"
    if os.geteuid() != 0 and not unit_output.is_readable():
        name = account(os.geteuid())
        yield Problem.of(
            "journal-closed",
            f"{name} may not read the journal, which has what the unit says",
            f"Once, as root there: usermod -aG systemd-journal {root.shell_word(name)}",
        )
