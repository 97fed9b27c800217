"""Is what is current healthy now? The checks of an activation, without a restart. Changes nothing.

Not for what ``relstore status`` shows at a glance (``status``).
"""

from __future__ import annotations

import os
import time

from relstore.errors import BusyError, NotFoundError
from relstore.formats.names import AppName
from relstore.formats.recipe import RELOAD, Recipe
from relstore.gc import processes
from relstore.host.job.log import JobLog
from relstore.host.job.occupied import holder
from relstore.host.machine.privilege import Privilege
from relstore.host.service.health import HealthCheck, Subject
from relstore.host.service.services import Services
from relstore.host.service.systemd import Systemd, UnitState
from relstore.protocol import MAX_TEXT, Inspect, Inspected
from relstore.store import locks
from relstore.store.app import CURRENT, LOCK, App
from relstore.store.slots import Slots
from relstore.store.store import Store


def inspect(store: Store, request: Inspect) -> Inspected:
    """Raises NotFoundError where nothing is current, and BusyError while an activation is under way."""
    with store.app(request.app) as app:
        _check_free(app)
        number = app.current()
        generation = None if number is None else app.generations_of([number]).get(number)
        if generation is None:
            raise NotFoundError(f"no generation of {app.name} is current")
        root = store.root.path
        recipe, link = request.recipe, f"{app.directory.path}/{CURRENT}"
        if recipe.cut_over is not None:
            slots = Slots(app.directory, store.durability)
            live = slots.live(recipe.cut_over)
            if live is None:
                return Inspected(generation.number, "no slot has the traffic")
            recipe, link = recipe.for_slot(live), slots.path(live)
        variables = {
            **recipe.environment,
            "RELSTORE_APP": app.name,
            "RELSTORE_GENERATION": str(generation.number),
            "RELSTORE_BUILD": generation.build,
            "RELSTORE_PATH": f"{root}/builds/{generation.build}/tree",
            "RELSTORE_PREVIOUS_PATH": "",
            "RELSTORE_CURRENT": f"{app.directory.path}/{CURRENT}",
        }
        subject = Subject(generation.build, link, 0.0, variables)
        return Inspected(generation.number, _problem(app, recipe, subject, root)[:MAX_TEXT])


def _check_free(app: App) -> None:
    lock = locks.open_lock(app.directory, LOCK)
    try:
        if not locks.try_lock(lock, exclusive=False):
            raise BusyError(
                holder(app),
                state="Nothing was changed.",
                hint="`relstore attach` follows it; run the command again when it has ended.",
            )
    finally:
        os.close(lock)


def _problem(app: App, recipe: Recipe, subject: Subject, root: str) -> str:
    """Why it is not healthy, or ``""``."""
    if recipe.units.names and not Systemd.is_here():
        return "this host does not run systemd, and the configuration names a unit"
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        output = JobLog(nowhere)
        services = Services(recipe, Privilege(), directory=root, output=output)
        services.count_restarts(RELOAD)  # what systemd restarted before says nothing about now
        states = [services.systemd.state(unit) for unit in recipe.units.names]
        settled = recipe._replace(health=recipe.health._replace(stable=_left(recipe.health.stable, states)))
        check = HealthCheck(settled, services, directory=root, output=output)
        problem = check.check(subject, restarted=False)
        return problem or _other_build(app.name, services.systemd, recipe, subject)
    finally:
        os.close(nowhere)


def _left(stable: int, states: list[UnitState]) -> int:
    """How long the units must still stay up, in milliseconds: those that have run for longer need not."""
    ages = [time.monotonic() - state.started / 1e6 for state in states if state.main_pid]
    return max(0, stable - int(min(ages, default=0.0) * 1000))


def _other_build(app: AppName, systemd: Systemd, recipe: Recipe, subject: Subject) -> str:
    """What a unit runs instead of the current build, as far as that can be seen."""
    for unit in recipe.units.names if recipe.units.run_build else ():
        pid = systemd.state(unit).main_pid
        used = processes.builds_used_by(pid)[0] if pid else frozenset()
        if used and subject.build not in used:
            return f"{unit} executes another build than the current one of {app}"
    return ""
