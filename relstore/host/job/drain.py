"""Stops every slot that no longer has the traffic, once its connections are gone or their time is up.

The job does this after its outcome is recorded and told, so that nobody waits for it. It holds the app's lock
only while it looks and asks a slot to end: a new activation meanwhile may take the slot back, or free it by
itself (``Freeing``). What a dead job left is stopped by the next one, and at boot.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator

from relstore.errors import RelstoreError
from relstore.formats.cut_over import CutOver, Slot
from relstore.formats.names import JobId
from relstore.formats.recipe import Recipe
from relstore.host.job import closing, traffic
from relstore.host.job import directory as jobs
from relstore.host.job.closing import Closing, connections_text
from relstore.host.job.directory import Job
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


def tidy(store: Store, app: App, job: Job, recipe: Recipe, log: JobLog, password: str = "") -> None:
    """Return when only the slot with the traffic runs, or a later job than ``job`` has taken over."""
    cut_over = recipe.cut_over
    if cut_over is None:
        return
    slots = Slots(app.directory, store.durability)
    privilege = Privilege(recipe.units.become, password)
    began = time.monotonic()
    draining: dict[Slot, _Draining] = {}
    length = -1
    while True:
        # Another activation writes to the journal first; to read all of it each time would be too much.
        before, length = length, _journal_length(app)
        if length != before and _last_job(app) != job.id:
            return
        left = _without_use(slots, cut_over)
        if not left:
            return
        pause = 0.0
        for slot in left:
            if slot not in draining:
                service = SlotService(recipe, slot, slots.path(slot), privilege, store.root.path, log)
                draining[slot] = _Draining(cut_over, slot, service, began)
            count = count_connections(cut_over, slot)
            pause = max(pause, _pause(count))
            if not draining[slot].is_due(count):
                continue
            with _locked(app) as mine:
                # A new activation may have taken the slot back meanwhile.
                if mine and _last_job(app) == job.id and slot in _without_use(slots, cut_over):
                    number = slots.generations().get(slot, 0)
                    if draining[slot].go_on(number):
                        slots.remove(slot)
                        closing.note(job, draining.pop(slot).closed, log)
        time.sleep(pause)


def _journal_length(app: App) -> int:
    status = app.directory.lstat(journal.NAME)
    return 0 if status is None else status.st_size


def _pause(connections: int | None) -> float:
    """How long to wait before the next look at a slot with so many connections."""
    least, most = _POLL_S
    return most if connections is not None and connections >= _MANY else least


class _Draining:
    """One slot on its way to its end."""

    def __init__(self, cut_over: CutOver, slot: Slot, service: SlotService, began: float) -> None:
        self._cut_over = cut_over
        self._slot = slot
        self._service = service
        self._began = began
        self._deadline = began + cut_over.drain
        self._gives_up = 0.0
        """When it is not waited for any more, once it was asked to end."""
        self.closed: Closing | None = None
        """What had connections when their time was up."""

    def is_due(self, count: int | None) -> bool:
        """Whether there is something to do, for which the app's lock is needed. ``count``: connections."""
        if not self._gives_up:
            # One that finishes its connections by itself is asked to end at once.
            return self._cut_over.announce or self._is_late() or count == 0
        if self._must_be_killed() or time.monotonic() >= self._gives_up:
            return True
        # One that has connections runs: systemd need not be asked.
        return not count and self._service.has_ended()

    def go_on(self, generation: int) -> bool:
        """The next step, with the lock held; whether it has ended."""
        if self._service.has_ended() or (self._gives_up and time.monotonic() >= self._gives_up):
            self._service.stop_at_once()
            return True
        if self._is_late() and self.closed is None:
            self._note_connections(generation)
        if not self._gives_up:
            self._gives_up = max(time.monotonic(), self._deadline) + self._service.stop_limit()
            self._service.announce_end()
        elif self._must_be_killed():
            self._service.stop_at_once()
        return False

    def _is_late(self) -> bool:
        return time.monotonic() >= self._deadline

    def _must_be_killed(self) -> bool:
        """It was asked to end when its time began; now that is up."""
        return self._cut_over.announce and self._is_late() and has_connections(self._cut_over, self._slot)

    def _note_connections(self, generation: int) -> None:
        count = count_connections(self._cut_over, self._slot)
        if count != 0:
            waited = round(time.monotonic() - self._began)
            self.closed = Closing(int(time.time()), generation, count, waited, False)


class Freeing:
    """What drains in the slot that a new activation needs, on its way to its end, under that one's lock."""

    def __init__(
        self, cut_over: CutOver, slot: Slot, generation: int, service: SlotService, log: JobLog
    ) -> None:
        self._cut_over = cut_over
        self._slot = slot
        self._generation = generation
        self._service = service
        self._log = log
        self._began = time.monotonic()

    def wait(self, is_cancelled: Callable[[], bool]) -> None:
        """Until its connections are gone, their time is up, or the activation is cancelled."""
        if self._cut_over.trial is not None:
            self._service.announce_end()  # only the program itself knows when it has finished its connections
        count = self._left()
        if count == 0:
            return
        self._log.say(
            f"waiting up to {self._cut_over.drain} s for {connections_text(count)} of generation "
            f"{self._generation} in slot {self._slot}; --cut-old ends them at once"
        )
        told = self._began
        while (left := self._left()) != 0 and not is_cancelled():
            now = time.monotonic()
            if now - self._began >= self._cut_over.drain:
                return
            if now - told >= _TOLD_S:
                told = now
                self._log.say(
                    f"{connections_text(left)} left in slot {self._slot} after {now - self._began:.0f} s"
                )
            time.sleep(_pause(left))

    def end(self, *, at_once: bool) -> Closing | None:
        """Stop it; what was closed by that."""
        count = self._left()
        closed = None
        if count != 0:
            waited = round(time.monotonic() - self._began)
            closed = Closing(int(time.time()), self._generation, count, waited, at_once)
        if at_once or (self._cut_over.announce and closed is not None):
            self._service.stop_at_once()
        else:
            self._service.stop()
        return closed

    def _left(self) -> int | None:
        """How many connections it has; what has ended has none."""
        count = count_connections(self._cut_over, self._slot)
        return 0 if count is None and self._service.has_ended() else count


def end_now(cut_over: CutOver, slot: Slot, service: SlotService, log: JobLog) -> None:
    """Ask a slot to end that answers badly, whatever connections it has."""
    count = count_connections(cut_over, slot)
    if count != 0:
        log.say(f"slot {slot} is asked to end, with {connections_text(count)} open to it")
    service.announce_end()


def _last_job(app: App) -> str:
    switch = app.last_switch()
    return "" if switch is None else switch.job


def _without_use(slots: Slots, cut_over: CutOver) -> list[Slot]:
    """The slots that no request reaches and that are not kept to go back to."""
    used = (*traffic.reached(slots, cut_over), slots.standby())
    return [slot for slot in slots.generations() if slot not in used]


def has_connections(cut_over: CutOver, slot: Slot) -> bool:
    """Whether it has, or may have; where they cannot be counted, the time alone decides."""
    return count_connections(cut_over, slot) != 0


def count_connections(cut_over: CutOver, slot: Slot) -> int | None:
    """Workers have none; None where they cannot be counted: nobody sees whose a shared socket's are."""
    if cut_over.trial is not None:
        return None
    if not cut_over.socket:
        return 0
    try:
        return connections.count(cut_over.socket_of(slot))
    except OSError:
        return None


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
                tidy(store, app, job, job.request().recipe, log, password)
    except (OSError, RelstoreError) as error:
        log.say(f"the old slot was not stopped: {error}")
