"""What the slots of an app run, which one has the traffic, and what does not fit: for ``status``.

Reads only.
"""

from __future__ import annotations

from collections.abc import Iterator

from relstore.errors import StoreError
from relstore.formats.cut_over import LINK, TRIAL, CutOver, Slot
from relstore.formats.recipe import Recipe
from relstore.host.machine.privilege import Privilege
from relstore.host.service import connections, running_build
from relstore.host.service.systemd import Systemd
from relstore.protocol import UnitOut
from relstore.store.app import App
from relstore.store.slots import Slots
from relstore.store.store import Store


def units(store: Store, app: App, recipe: Recipe, cut_over: CutOver) -> Iterator[UnitOut]:
    """The slots that are there; one that is not there is stopped."""
    slots = Slots(app.directory, store.durability)
    live = _live(slots, cut_over)
    systemd = Systemd(recipe.units, Privilege())
    for slot, number in sorted(slots.generations().items()):
        state = systemd.state(cut_over.unit(slot))
        words = [f"{state.active or 'unknown'} ({state.sub})", _role(slot, live, slots.standby())]
        if cut_over.way == LINK:
            words.append(_connections(cut_over.socket_of(slot)))
        program = running_build.program(state.main_pid) if state.main_pid else ""
        yield UnitOut(cut_over.unit(slot), ", ".join(words), number if state.main_pid else 0, program)
    on_trial = slots.on_trial()
    if on_trial is not None:
        unit = cut_over.unit(TRIAL)
        state = systemd.state(unit)
        program = running_build.program(state.main_pid) if state.main_pid else ""
        words = [f"{state.active or 'unknown'} ({state.sub})", "on trial"]
        yield UnitOut(unit, ", ".join(words), on_trial if state.main_pid else 0, program)


def unfit(store: Store, app: App, cut_over: CutOver, current: int | None) -> Iterator[str]:
    """Sentences about what is not as the last activation left it."""
    slots = Slots(app.directory, store.durability)
    try:
        live, generations = slots.live(cut_over), slots.generations()
    except StoreError as error:
        yield error.what
        return
    if live is None:
        if current is not None:
            yield "no slot has the traffic"
    elif live not in generations:
        yield f"slot {live} has the traffic, and is not there"
    elif current is not None and generations[live] != current:
        yield f"slot {live} has the traffic, with generation {generations[live]} instead of {current}"


def _role(slot: Slot, live: Slot | None, standby: Slot | None) -> str:
    if slot == live:
        return "live"
    return "standby" if slot == standby else "draining"


def _live(slots: Slots, cut_over: CutOver) -> Slot | None:
    try:
        return slots.live(cut_over)
    except StoreError:
        return None


def _connections(path: str) -> str:
    try:
        count = connections.count(path)
    except OSError:
        return "its connections cannot be counted"
    return f"{count} connection{'' if count == 1 else 's'}"
