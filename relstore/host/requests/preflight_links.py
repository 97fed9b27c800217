"""Is the data there that a build is linked to, and may the service use it? Part of ``preflight``.

Access is judged by modes, as far as this account can see them: what it cannot see is only said. Not for
making directories, which belong to whoever has the data.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from typing import NamedTuple, Optional

from relstore.formats.cut_over import SLOTS_DIRECTORY
from relstore.formats.data_link import DataLink
from relstore.formats.names import AppName
from relstore.formats.recipe import Recipe
from relstore.host.machine import access
from relstore.host.machine.privilege import Privilege
from relstore.host.service.members import expand
from relstore.host.service.systemd import Systemd, UnitState
from relstore.protocol import Problem
from relstore.store.app import CURRENT

_OWN = ("apps", "builds", "objects", "staging", "trash")
"""What of a store nothing else may be kept in."""
_HOMES = ("/home/", "/root/", "/run/user/")
_READ_ONLY = {
    "yes": ("/usr/", "/boot/", "/efi/"),
    "full": ("/usr/", "/boot/", "/efi/", "/etc/"),
    "strict": ("/",),
}
"""What a unit cannot write to, by its ProtectSystem=."""


class LinkFindings(NamedTuple):
    problems: list[Problem]
    notes: list[str]
    """What this account cannot see."""


def judge(root: str, app: AppName, recipe: Recipe, links: Sequence[DataLink]) -> LinkFindings:
    """What is wrong with the targets of ``links``, for an app of the store at ``root``."""
    problems: list[Problem] = []
    notes: list[str] = []
    units = _units(root, app, recipe) if links else []
    for link in links:
        try:
            status = os.stat(link.target)
        except PermissionError:
            notes.append(
                f"whether {link.target} is there, to which {link.path} leads, this account may not see"
            )
            continue
        except OSError as error:
            gone = error.errno in (errno.ENOENT, errno.ENOTDIR)
            why = "does not exist" if gone else f"cannot be reached: {error.strerror}"
            problems.append(
                Problem.of(
                    "link-target-missing",
                    f"{link.path} leads to {link.target}, which {why}",
                    f"Make it there, for the account of the service: install -d -o ACCOUNT {link.target}",
                )
            )
            continue
        wrong = _wrong_kind(root, link, status)
        if wrong is not None:
            problems.append(wrong)
            continue
        for name, state in units:
            problem, note = _use(link, status, name, state, user=recipe.units.user)
            problems += [problem] if problem else []
            notes += [note] if note else []
    return LinkFindings(problems, notes)


def _units(root: str, app: AppName, recipe: Recipe) -> list[tuple[str, UnitState]]:
    """What runs the release, as far as systemd has loaded it."""
    link_name = CURRENT
    if recipe.cut_over is not None and not recipe.units.names:
        recipe, link_name = recipe.for_slot("a"), f"{SLOTS_DIRECTORY}/a"
    if not recipe.units.names or not Systemd.is_here():
        return []
    systemd = Systemd(recipe.units, Privilege())
    members = expand(recipe.units.names, systemd.state, f"{root}/apps/{app}/{link_name}")
    states = [(member.unit, systemd.state(member.unit)) for member in members]
    return [(name, state) for name, state in states if state.load == "loaded" and state.type]


def _wrong_kind(root: str, link: DataLink, status: os.stat_result) -> Optional[Problem]:
    if not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
        return Problem.of(
            "link-target-kind",
            f"{link.path} leads to {link.target}, which is neither a directory nor a file",
            "Name a directory or a file.",
        )
    real = os.path.realpath(link.target)
    if any(f"{real}/".startswith(f"{os.path.realpath(root)}/{name}/") for name in _OWN):
        return Problem.of(
            "link-target-kind",
            f"{link.path} leads to {link.target}, which is in the store itself, where releases come and go",
            "Keep the data elsewhere.",
        )
    return None


def _use(
    link: DataLink, status: os.stat_result, unit: str, state: UnitState, *, user: bool
) -> tuple[Optional[Problem], str]:
    """Why the unit cannot use the target, or what of that was not seen."""
    hidden = _hidden_from(link.target, state)
    if hidden:
        return _refused(link, f"{unit} has {hidden}", f"Add ReadWritePaths={link.target} to the unit."), ""
    is_directory = stat.S_ISDIR(status.st_mode)
    if user:
        needed = os.R_OK | ((os.W_OK | os.X_OK) if is_directory else 0)
        if os.access(link.target, needed):
            return None, ""
        return _refused(link, f"the account of {unit} may not use it", f"Look at: ls -ld {link.target}"), ""
    account = "" if state.dynamic_user else state.user or "root"
    if account == "root":
        return None, ""
    name = account or "an account of its own"
    not_seen = f"whether {name} may use {link.target}, to which {link.path} leads, was not seen"
    directory = link.target if is_directory else os.path.dirname(link.target)
    barrier = access.barrier(directory, account, state.groups)
    if barrier and _has_access_list(barrier):
        return None, not_seen
    if barrier:
        why = f"{unit} runs as {name}, which may not enter {barrier}"
        return _refused(link, why, f"Look at: ls -ld {barrier}"), ""
    may = access.may_use(status, account, state.groups, write=is_directory)
    if may:
        return None, ""
    if may is None or _has_access_list(link.target):
        return None, not_seen
    why = f"{unit} runs as {name}, which may not {'write to' if is_directory else 'read'} it"
    hint = (
        f"As root there: chown {account} {link.target}" if account else "Give the unit an account: User=NAME."
    )
    return _refused(link, why, hint), ""


def _hidden_from(target: str, state: UnitState) -> str:
    """The setting of the unit that keeps it from writing to a target, or ``""``."""
    below = f"{target}/"
    if any(below.startswith(f"{path.rstrip('/')}/") for path in state.writable):
        return ""
    if below.startswith(_READ_ONLY.get(state.protect_system, ())):
        return f"ProtectSystem={state.protect_system}"
    if state.protect_home in ("yes", "read-only", "tmpfs") and below.startswith(_HOMES):
        return f"ProtectHome={state.protect_home}"
    return ""


def _has_access_list(path: str) -> bool:
    """Whether more than the mode decides; where that cannot be seen, it may."""
    try:
        return "system.posix_acl_access" in os.listxattr(path)
    except OSError:
        return True


def _refused(link: DataLink, why: str, hint: str) -> Problem:
    return Problem.of("link-target-refuses", f"{link.path} leads to {link.target}, but {why}", hint)
