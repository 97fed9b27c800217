"""What the slots of an app run, which one has the traffic, and what does not fit: for ``status``.

Reads only. What a slot is for follows from the links and from the last job; whether that is as it should be,
``unfit`` says.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Optional

from relstore.errors import DamagedError, NotFoundError, StoreError
from relstore.formats.cut_over import (
    DRAINING,
    FREE,
    LIVE,
    LIVE_ROLE,
    SLOTS,
    STANDBY,
    STARTING,
    TRIAL,
    CutOver,
    Role,
    Slot,
)
from relstore.formats.journal import Event
from relstore.formats.names import JobId
from relstore.formats.recipe import Recipe
from relstore.gc import processes
from relstore.host.job import directory as jobs
from relstore.host.job import drain, traffic
from relstore.host.machine.privilege import Privilege
from relstore.host.requests import shift_status
from relstore.host.service import running_build
from relstore.host.service.systemd import Systemd, UnitState
from relstore.protocol import SlotOut, UnitOut
from relstore.store.app import App
from relstore.store.slots import Slots
from relstore.store.store import Store
from relstore.store.table import Table


class SlotLinks(NamedTuple):
    """What the links and the last job say of the slots."""

    generations: Mapping[Slot, int]
    live: Optional[Slot]
    standby: Optional[Slot]
    starting: Optional[Slot] = None
    """The one that an activation without an outcome starts, or had started."""
    moved_at: int = 0
    """When the traffic moved last, in seconds since 1970; 0: that is not known."""
    began_at: int = 0
    """When that activation began."""
    on_trial: Optional[int] = None
    """The generation that proves itself before it shares a socket."""

    def role(self, slot: Slot) -> Role:
        if slot == self.live:
            return LIVE_ROLE
        if slot == self.starting:
            return STARTING
        if slot not in self.generations:
            return FREE
        return STANDBY if slot == self.standby else DRAINING

    def since(self, slot: Slot) -> int:
        role = self.role(slot)
        if role == FREE:
            return 0
        return self.began_at if role == STARTING else self.moved_at


def read(store: Store, app: App, recipe: Recipe, table: Table) -> tuple[list[UnitOut], list[SlotOut]]:
    """The units that are there, and both slots."""
    cut_over = recipe.cut_over
    if cut_over is None:
        return [], []
    store_slots = Slots(app.directory, store.durability)
    links = _links(store_slots, app, cut_over)
    shares = shift_status.shares(store_slots, cut_over, links.live)
    systemd = Systemd(recipe.units, Privilege()) if Systemd.is_here() else None
    units, slots = [], []
    for slot in SLOTS:
        state = systemd.state(cut_over.unit(slot)) if systemd is not None else UnitState.parse("")
        out = _slot(slot, links, cut_over, state)._replace(share=shares.get(slot))
        slots.append(out)
        if slot in links.generations and systemd is not None:
            runs = _runs(state.main_pid, out.generation, table)
            units.append(UnitOut(out.unit, out.state, runs, out.program))
    if links.on_trial is not None and systemd is not None:
        units.append(_trial(links.on_trial, cut_over, systemd, table))
    return units, slots


def _trial(number: int, cut_over: CutOver, systemd: Systemd, table: Table) -> UnitOut:
    """The unit in which a release proves itself before it shares the socket."""
    unit = cut_over.unit(TRIAL)
    state = systemd.state(unit)
    program = running_build.program(state.main_pid) if state.main_pid else ""
    said = f"{state.active or 'unknown'} ({state.sub}), on trial"
    return UnitOut(unit, said, _runs(state.main_pid, number, table), program)


def unfit(store: Store, app: App, cut_over: CutOver, current: int | None) -> Iterator[str]:
    """Sentences about what is not as the last activation left it. Not while an activation is under way."""
    slots = Slots(app.directory, store.durability)
    try:
        live, generations = slots.live(cut_over), slots.generations()
        used = (*traffic.reached(slots, cut_over), slots.standby())
        of_shift = list(shift_status.unfit(slots, cut_over, live, generations))
    except StoreError as error:
        yield error.what
        return
    yield from of_shift
    if live is None:
        if current is not None:
            yield "no slot has the traffic"
    elif live not in generations:
        yield f"slot {live} has the traffic, and is not there"
    elif current is not None and generations[live] != current:
        yield f"slot {live} has the traffic, with generation {generations[live]} instead of {current}"
    if jobs.running(app) is None:
        yield from _left_over(cut_over, used, generations)


def runs_another(units: Sequence[UnitOut], slots: Sequence[SlotOut]) -> Iterator[str]:
    """Slots whose process executes another build than their link leads to."""
    expected = {slot.unit: slot for slot in slots}
    for unit in units:
        slot = expected.get(unit.name)  # none for a trial
        if slot is not None and unit.runs and unit.runs != slot.generation:
            yield f"slot {slot.name} runs generation {unit.runs} instead of {slot.generation}"


def _left_over(
    cut_over: CutOver, used: Sequence[Slot | None], generations: Mapping[Slot, int]
) -> Iterator[str]:
    """Nobody drains a slot any more once the job has ended."""
    for slot, number in sorted(generations.items()):
        if slot not in used:
            yield (
                f"slot {slot} still has generation {number}, without the traffic, and nothing ends it; "
                f"the next activation does (`systemctl status {cut_over.unit(slot)}`)"
            )


def _links(slots: Slots, app: App, cut_over: CutOver) -> SlotLinks:
    try:
        generations, on_trial = slots.generations(), slots.on_trial()
    except StoreError:
        generations, on_trial = {}, None
    live, standby = _live(slots, cut_over), slots.standby()
    links = SlotLinks(generations, live, standby, moved_at=_moved_at(app), on_trial=on_trial)
    event = app.unresolved()
    return links if event is None else _with_activation(links, app, event)


def _with_activation(links: SlotLinks, app: App, event: Event) -> SlotLinks:
    """``event``: its intent."""
    try:
        job = jobs.open_job(app, JobId.parse(event.job))
    except NotFoundError:
        return links
    try:
        noted = job.slots()
    except DamagedError:
        noted = None
    finally:
        job.close()
    return links if noted is None else links._replace(starting=noted[0], began_at=event.time)


def _slot(slot: Slot, links: SlotLinks, cut_over: CutOver, state: UnitState) -> SlotOut:
    words = state.active or ("unknown" if slot in links.generations else "inactive")
    since = links.since(slot)
    return SlotOut(
        slot,
        links.generations.get(slot, 0),
        cut_over.unit(slot),
        f"{words} ({state.sub})" if state.sub else words,
        links.role(slot),
        since,
        max(0, int(time.time()) - since) if since else 0,
        drain.count_connections(cut_over, slot) if cut_over.has_link and slot in links.generations else None,
        running_build.program(state.main_pid) if state.main_pid else "",
    )


def _runs(main_pid: int, number: int, table: Table) -> int:
    """The generation that the process executes. The link of a slot never changes while its unit runs, so it
    is believed where another account's process cannot be looked into."""
    if not main_pid:
        return 0
    used, _ = processes.builds_used_by(main_pid)
    runs = table.numbers_of(used)
    return number if number in runs or not runs else runs[-1]


def _live(slots: Slots, cut_over: CutOver) -> Slot | None:
    try:
        return slots.live(cut_over)
    except StoreError:
        return None


def _moved_at(app: App) -> int:
    status = app.directory.lstat(LIVE)
    return 0 if status is None else int(status.st_mtime)
