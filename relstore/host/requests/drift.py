"""What does not fit any more since the last activation: the ``current`` link, or what systemd has loaded.

Needs no privilege and changes nothing. Not for the files of the build (``status`` compares those).
"""

from __future__ import annotations

from collections.abc import Iterator

from relstore.formats.cut_over import SLOTS, TRIAL, Place
from relstore.formats.cut_over import SLOTS_DIRECTORY as DIRECTORY
from relstore.formats.names import AppName
from relstore.formats.recipe import Recipe
from relstore.host.machine.privilege import Privilege
from relstore.host.requests import preflight_units
from relstore.host.service.members import expand
from relstore.host.service.systemd import Systemd
from relstore.protocol import Problem
from relstore.store.app import CURRENT


def of_units(root: str, app: AppName, recipe: Recipe) -> Iterator[str]:
    """Sentences about the units of ``recipe``: files that systemd has not read, and units that run something
    else than the link leads to."""
    if not recipe.unit_names or not Systemd.is_here():
        return
    parts = [(CURRENT, recipe)]
    if recipe.cut_over is not None:
        places: tuple[Place, ...] = SLOTS if recipe.cut_over.trial is None else (*SLOTS, TRIAL)
        parts = [(f"{DIRECTORY}/{place}", recipe.for_slot(place)) for place in places]
    for name, part in parts:
        for problem in _problems(f"{root}/apps/{app}/{name}", part):
            yield f"{problem.what}. {problem.hint}"


def _problems(link: str, recipe: Recipe) -> Iterator[Problem]:
    systemd = Systemd(recipe.units, Privilege())
    if systemd.reachable():
        return  # why it does not answer says nothing about the units
    user = recipe.units.user
    for unit in recipe.units.names:
        state = systemd.state(unit)
        yield from preflight_units.loaded(unit, state, user=user)
        if state.load != "loaded":
            continue
        members = expand([unit], systemd.state, link)
        yield from preflight_units.runs_release(unit, state, members, link, recipe)
        for member in members:
            if member.must_run and member.unit not in recipe.units.names:
                yield from preflight_units.loaded(member.unit, systemd.state(member.unit), user=user)
