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
from relstore.formats import journal as journal_format
from relstore.formats.cut_over import CutOver, Slot
from relstore.formats.names import JobId
from relstore.formats.recipe import Recipe
from relstore.host.job import directory as jobs
from relstore.host.job import traffic
from relstore.host.job.log import JobLog
from relstore.host.job.slot_service import SlotService
from relstore.host.job.traffic import Traffic
from relstore.host.machine.privilege import Privilege
from relstore.host.service import connections
from relstore.store import locks
from relstore.store.app import LOCK, App
from relstore.store.slots import Slots
from relstore.store.store import Store

_POLL_S = 0.2
_LOCK_S = 1.0


def tidy(store: Store, app: App, ident: str, recipe: Recipe, log: JobLog, password: str = "") -> None:
    """Return when only the slot with the traffic runs, or a later job than ``ident`` has taken over."""
    cut_over = recipe.cut_over
    if cut_over is None:
        return
    slots = Slots(app.directory, store.durability)
    flow = traffic.of(slots, cut_over, log)
    privilege = Privilege(recipe.units.become, password)
    deadline = time.monotonic() + cut_over.drain
    announced: set[Slot] = set()
    while _last_job(app) == ident:
        left = _without_use(slots, flow)
        if not left:
            return
        for slot in left:
            service = SlotService(recipe, slot, slots.path(slot), privilege, store.root.path, log)
            if cut_over.announce and slot not in announced:
                service.announce_end()
                announced.add(slot)
            if not _is_over(cut_over, slot, service, deadline):
                continue
            with _locked(app) as mine:
                # A new activation may have taken the slot back meanwhile.
                if mine and _last_job(app) == ident and slot in _without_use(slots, flow):
                    _say_what_is_cut(cut_over, slot, service, log)
                    service.stop()
                    slots.remove(slot)
        time.sleep(_POLL_S)


def _last_job(app: App) -> str:
    switches = (event for event in reversed(app.events()) if event.event == journal_format.SWITCHING)
    return next((event.job for event in switches), "")


def _without_use(slots: Slots, flow: Traffic) -> list[Slot]:
    """The slots that no request reaches and that are not kept to go back to."""
    used = (*flow.reached(), slots.standby())
    return [slot for slot in slots.generations() if slot not in used]


def wait_for_connections(cut_over: CutOver, slot: Slot, deadline: float) -> None:
    """Until the slot has none, or the time is up."""
    while connections_of(cut_over, slot) and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def _is_over(cut_over: CutOver, slot: Slot, service: SlotService, deadline: float) -> bool:
    if time.monotonic() >= deadline or service.has_ended():
        return True
    # One that was asked to end says itself when it has no connections any more.
    return not cut_over.announce and not connections_of(cut_over, slot)


def _say_what_is_cut(cut_over: CutOver, slot: Slot, service: SlotService, log: JobLog) -> None:
    left = connections_of(cut_over, slot)
    if left:
        noun = "connection" if left == 1 else "connections"
        log.say(f"{left} {noun} of slot {slot} closed after {cut_over.drain} s")
    if cut_over.trial is not None and not service.has_ended():
        log.say(f"slot {slot} has not finished its connections after {cut_over.drain} s, and is stopped")


def connections_of(cut_over: CutOver, slot: Slot) -> int:
    """Workers have none. Nobody sees whose those of a shared socket are: the program itself ends when it has
    none. And where they cannot be counted, the time alone decides."""
    if not cut_over.has_link:
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


def tidy_after(store: Store, app: App, own: str, log: JobLog, password: str = "") -> None:
    """At the end of the job ``own`` (empty: at boot). What a later job began is left to that, while it lives.

    An error is only told to the log: the outcome is recorded, and the next activation stops what is left.
    """
    try:
        ident = _last_job(app)
        if not ident:
            return
        with contextlib.closing(jobs.open_job(app, JobId.parse(ident))) as job:
            if ident == own or not job.is_alive():
                tidy(store, app, ident, job.request().recipe, log, password)
    except (OSError, RelstoreError) as error:
        log.say(f"the old slot was not stopped: {error}")
