"""What is current, what runs, and what is wrong: for ``relstore status``.

It changes nothing, except that it regains the rights on a job's directory that a release took away. It needs
no lock and no privilege. It compares the metadata of the current build's files and reads a file only where
its times say that somebody touched it. Not for proving all contents (``checking``).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Optional

from relstore.errors import DamagedError, NewerStoreError, NotFoundError, StoreError
from relstore.formats.names import JobId
from relstore.formats.recipe import Recipe
from relstore.gc import processes
from relstore.host.job import directory as jobs
from relstore.host.job.values import DONE
from relstore.host.machine.privilege import Privilege
from relstore.host.requests import drift, replies, slot_status
from relstore.host.service import running_build
from relstore.host.service.systemd import Systemd
from relstore.protocol import SlotOut, Status, StatusOut, UnitOut
from relstore.store import history, hold, room
from relstore.store.app import App
from relstore.store.builds import TREE_NAME
from relstore.store.history import Row
from relstore.store.store import Store
from relstore.store.table import Table
from relstore.store.tree import glance

_MAX_CHANGED = 20
_COUNT_HOLDS_S = 1.0


class BuildCount:
    """How many builds a store has, counted once for all apps that are asked about together."""

    def __init__(self) -> None:
        self._count = 0
        self._until = 0.0

    def count(self, store: Store) -> int:
        """As of less than a second ago."""
        if time.monotonic() >= self._until:
            self._count = len(store.builds.ids())
            self._until = time.monotonic() + _COUNT_HOLDS_S
        return self._count


def status(store: Store, request: Status, builds: Optional[BuildCount] = None) -> StatusOut:
    """The state of one app. Raises NotFoundError, DamagedError."""
    with store.app(request.app) as app:
        number, link_drift = _current(app)
        recipe = last_recipe(app)
        unfit = [*filter(None, [link_drift]), *drift.of_units(store.root.path, app.name, recipe)]
        running = _under_way(app)
        table = app.table_with(number)
        current = None if table.current is None else app.row(table, table.current)
        slots: Optional[list[SlotOut]] = None
        if recipe.cut_over is None:
            units = list(_units(recipe, table, current))
        else:
            units, slots = slot_status.read(store, app, recipe, table)
            unfit += slot_status.runs_another(units, slots)
            if running is None:
                unfit += slot_status.unfit(store, app, recipe.cut_over, number)
        target = history.rollback_target(table)
        free_bytes, free_inodes = room.free(store.root)
        return StatusOut(
            replies.row_out(current) if current else None,
            target.number if target else 0,
            len(table),
            table.present,
            running,
            running is None and app.unresolved_in(table) is not None,
            "\n".join(unfit),
            hold.read(app.directory),
            tuple(units),
            tuple(_changed(store, current)) if current else (),
            (builds or BuildCount()).count(store),
            free_bytes,
            free_inodes,
            None if slots is None else tuple(slots),
        )


def _under_way(app: App) -> Optional[JobId]:
    """The newest job that works on an activation. One that has recorded its outcome only drains a slot."""
    for ident in jobs.alive(app, jobs.LOOKED_AT):
        with contextlib.closing(jobs.open_job(app, ident)) as job:
            try:
                is_done = job.state().step == DONE
            except (DamagedError, NewerStoreError):
                is_done = False
        if not is_done:
            return ident
    return None


def _current(app: App) -> tuple[int | None, str]:
    """The current generation, and what is wrong with the link."""
    try:
        number = app.current()
    except StoreError as error:
        return None, error.what
    if number is not None and not app.is_linked(number):
        return None, f"the link names generation {number}, which is not there"
    return number, ""


def _units(recipe: Recipe, table: Table, current: Row | None) -> Iterator[UnitOut]:
    """The units of the last activation, and which generation each executes."""
    if not recipe.unit_names or not Systemd.is_here():
        return
    systemd = Systemd(recipe.units, Privilege())
    for unit in recipe.units.names:
        state = systemd.state(unit)
        words = f"{state.active or 'unknown'} ({state.sub})" if state.sub else state.active or "unknown"
        if not state.main_pid:
            yield UnitOut(unit, words, 0, "")
            continue
        used, _ = processes.builds_used_by(state.main_pid)
        runs = table.numbers_of(used)
        if current is not None and current.generation.number in runs:
            runs = [current.generation.number]
        yield UnitOut(unit, words, runs[-1] if runs else 0, running_build.program(state.main_pid))


def last_recipe(app: App) -> Recipe:
    """How the last activation of the app was done; an empty recipe where that is not known."""
    try:
        job = jobs.open_job(app, None)
    except NotFoundError:
        return Recipe()
    try:
        return job.request().recipe
    except (DamagedError, NewerStoreError):
        return Recipe()
    finally:
        job.close()


def _changed(store: Store, current: Row) -> Iterator[str]:
    build = current.generation.build
    try:
        manifest = store.builds.manifest(build)
        with store.builds.directory.sub(build) as directory, directory.sub(TREE_NAME) as tree:
            for count, finding in enumerate(glance(tree, manifest, current.generation.created)):
                if count == _MAX_CHANGED:
                    yield "and more"
                    return
                yield f"{finding.path} {finding.problem}"
    except (NotFoundError, DamagedError, FileNotFoundError, NotADirectoryError) as error:
        yield f"the build {build.short}: {error}"
