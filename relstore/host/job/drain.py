"""Stops every slot that no longer has the traffic, once its connections are gone or their time is up.

The job does this after its outcome is recorded and told, so that nobody waits for it. It holds the app's lock
only while it looks and stops: a new activation meanwhile may take the slot back, or free it by itself. What a
dead job left is stopped by the next one, and at boot.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from relstore.errors import RelstoreError
from relstore.formats.cut_over import CutOver, Slot
from relstore.formats.recipe import Recipe
from relstore.host.job.log import JobLog
from relstore.host.job.slot_service import SlotService
from relstore.host.machine.privilege import Privilege
from relstore.host.service import connections
from relstore.store import locks
from relstore.store.app import LOCK, App
from relstore.store.slots import Slots
from relstore.store.store import Store

_POLL_S = 0.2
_LOCK_S = 1.0


def tidy(store: Store, app: App, recipe: Recipe, log: JobLog, password: str = "") -> None:
    """Return when only the slot with the traffic runs, or another job has taken over."""
    cut_over = recipe.cut_over
    if cut_over is None:
        return
    slots = Slots(app.directory, store.durability)
    privilege = Privilege(recipe.units.become, password)
    deadline = time.monotonic() + cut_over.drain
    announced = False
    while True:
        with _locked(app) as mine:
            if mine:
                left = [slot for slot in slots.generations() if slot != slots.live(cut_over)]
                if not left:
                    return
                for slot in left:
                    path = slots.path(slot)
                    service = SlotService(recipe, slot, path, privilege, store.root.path, log)
                    if cut_over.announce and not announced:
                        service.announce_end()
                    if _is_over(cut_over, slot, service, deadline, log):
                        service.stop()
                        slots.remove(slot)
                announced = True
        time.sleep(_POLL_S)


def wait_for_connections(cut_over: CutOver, slot: Slot, deadline: float) -> int:
    """How many connections of the slot are left at the end; 0 as soon as there is none."""
    while True:
        left = _connections(cut_over, slot)
        if not left or time.monotonic() >= deadline:
            return left
        time.sleep(_POLL_S)


def _is_over(cut_over: CutOver, slot: Slot, service: SlotService, deadline: float, log: JobLog) -> bool:
    left = _connections(cut_over, slot)
    if left and not service.is_running():
        return True  # it has ended, and others hold what is left of them
    if left and time.monotonic() >= deadline:
        noun = "connection" if left == 1 else "connections"
        log.say(f"{left} {noun} of slot {slot} closed after {cut_over.drain} s")
        return True
    return not left


def _connections(cut_over: CutOver, slot: Slot) -> int:
    """Workers have none; and where they cannot be counted, the time alone decides."""
    if not cut_over.socket:
        return 0
    try:
        return connections.count(cut_over.socket_of(slot))
    except OSError:
        return 1


@contextlib.contextmanager
def _locked(app: App) -> Iterator[bool]:
    lock = locks.open_lock(app.directory, LOCK)
    try:
        yield locks.lock_within(lock, exclusive=True, seconds=_LOCK_S)
    finally:
        os.close(lock)


def tidy_after(store: Store, app: App, recipe: Recipe, log: JobLog, password: str = "") -> None:
    """As ``tidy``, at the end of a job: an error is only told to its log."""
    try:
        tidy(store, app, recipe, log, password)
    except (OSError, RelstoreError) as error:
        log.say(f"the old slot was not stopped: {error}")
