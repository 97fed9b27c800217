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
from relstore.host.job.log import JobLog
from relstore.host.job.slot_service import SlotService
from relstore.host.machine.privilege import Privilege
from relstore.host.service import connections
from relstore.store import journal, locks
from relstore.store.app import LOCK, App
from relstore.store.slots import Slots
from relstore.store.store import Store

_POLL_S = (0.2, 1.0)
"""How often a slot is looked at: the more connections it has, the less often."""
_MANY = 100
_TOLD_S = 10.0
_LOCK_S = 1.0


def tidy(store: Store, app: App, ident: str, recipe: Recipe, log: JobLog, password: str = "") -> None:
    """Return when only the slot with the traffic runs, or a later job than ``ident`` has taken over."""
    cut_over = recipe.cut_over
    if cut_over is None:
        return
    slots = Slots(app.directory, store.durability)
    privilege = Privilege(recipe.units.become, password)
    deadline = time.monotonic() + cut_over.drain
    announced: set[Slot] = set()
    length = -1
    while True:
        # Another activation writes to the journal first; to read all of it each time would be too much.
        before, length = length, _journal_length(app)
        if length != before and _last_job(app) != ident:
            return
        left = _without_use(slots, cut_over)
        if not left:
            return
        most = 0
        for slot in left:
            service = SlotService(recipe, slot, slots.path(slot), privilege, store.root.path, log)
            if cut_over.announce and slot not in announced:
                service.announce_end()
                announced.add(slot)
            count = connections_of(cut_over, slot)
            most = max(most, count)
            if not _is_over(cut_over, count, service, deadline):
                continue
            with _locked(app) as mine:
                # A new activation may have taken the slot back meanwhile.
                if mine and _last_job(app) == ident and slot in _without_use(slots, cut_over):
                    _say_what_is_cut(cut_over, slot, log)
                    service.stop()
                    slots.remove(slot)
        time.sleep(_pause(most))


def _journal_length(app: App) -> int:
    status = app.directory.lstat(journal.NAME)
    return 0 if status is None else status.st_size


def _last_job(app: App) -> str:
    switches = (event for event in reversed(app.events()) if event.event == journal_format.SWITCHING)
    return next((event.job for event in switches), "")


def _without_use(slots: Slots, cut_over: CutOver) -> list[Slot]:
    """The slots that neither have the traffic nor are kept to go back to."""
    used = (slots.live(cut_over), slots.standby())
    return [slot for slot in slots.generations() if slot not in used]


def wait_for_connections(cut_over: CutOver, slot: Slot, log: JobLog) -> None:
    """Until a slot that is needed has none, or its time is up. Who waits is told how long that may be."""
    began = told = time.monotonic()
    left = connections_of(cut_over, slot)
    if left:
        log.say(f"waiting for slot {slot}: {_connections(left)} may last up to {cut_over.drain} s")
    while left and time.monotonic() - began < cut_over.drain:
        time.sleep(_pause(left))
        left = connections_of(cut_over, slot)
        if left and time.monotonic() - told >= _TOLD_S:
            told = time.monotonic()
            log.say(f"waiting for slot {slot}: {_connections(left)} after {told - began:.0f} s")
    _say_what_is_cut(cut_over, slot, log)


def _pause(left: int) -> float:
    """How long to wait before the next look at a slot with so many connections."""
    least, most = _POLL_S
    return least if left < _MANY else most


def _is_over(cut_over: CutOver, left: int, service: SlotService, deadline: float) -> bool:
    if time.monotonic() >= deadline:
        return True
    if left:
        return False
    # One that was asked to end says itself when it is done.
    return not cut_over.announce or service.has_ended()


def end_now(cut_over: CutOver, slot: Slot, service: SlotService, log: JobLog) -> None:
    """Ask a slot to end that answers badly, whatever connections it has."""
    left = connections_of(cut_over, slot)
    if left:
        log.say(f"slot {slot} is stopped, with {_connections(left)} open to it")
    service.announce_end()


def _say_what_is_cut(cut_over: CutOver, slot: Slot, log: JobLog) -> None:
    left = connections_of(cut_over, slot)
    if left:
        log.say(f"{_connections(left)} of slot {slot} closed after {cut_over.drain} s")


def _connections(count: int) -> str:
    return f"{count} connection{'' if count == 1 else 's'}"


def connections_of(cut_over: CutOver, slot: Slot) -> int:
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
