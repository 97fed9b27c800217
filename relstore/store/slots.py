"""The slots of an app: what each runs, and which one has the traffic. Links, moved by rename alone.

``slots/a`` leads to the generation that slot a runs; its unit starts only where that link is, at boot too.
``slots/trial`` leads to the generation that proves itself at a socket of its own, before it gets a slot.
``slots/standby`` leads to the slot that is kept running to go back to.
``live`` leads to the socket of the slot that has the traffic: connect(2) follows it anew for each connection.
``next`` leads to that of the slot that gets a share of it, which ``slots/share`` notes as ``b:10``; both are
there only while the front may send anything to ``next``.
Not for units and sockets themselves (``host``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from relstore.errors import StoreError
from relstore.formats.cut_over import ALL, LIVE, NEXT, SLOTS, TRIAL, CutOver, Place, Slot
from relstore.formats.cut_over import SLOTS_DIRECTORY as DIRECTORY
from relstore.store import durable
from relstore.store.directory import Dir
from relstore.store.durable import Durability

STANDBY = "standby"
SHARE = "share"
_SHARE = re.compile(r"[ab]:(?:[1-9][0-9]?|100)\Z")
_TARGET = re.compile(r"\.\./generations/([1-9][0-9]{0,9})\Z")


class Shift(NamedTuple):
    """A gradual shift of the traffic that has not been wound up."""

    next: Slot
    """Where ``next`` leads: to the new slot, or to the old one again."""
    new: Slot
    share: int
    """The percentage that the front was told to send to the new slot; it may not have heard that yet."""


class Slots:
    """``slots/``, ``live`` and ``next`` of an app."""

    def __init__(self, app: Dir, durability: Durability) -> None:
        self._app = app
        self._durability = durability

    def generations(self) -> Mapping[Slot, int]:
        """What each slot is to run; one that is not there is stopped. Raises StoreError for another link."""
        found = {slot: self._generation(slot) for slot in SLOTS}
        return {slot: number for slot, number in found.items() if number is not None}

    def on_trial(self) -> int | None:
        """The generation that proves itself. Raises StoreError for another link."""
        return self._generation(TRIAL)

    def all_generations(self) -> list[int]:
        """Whatever some unit runs through a link. Raises StoreError for another link."""
        trial = self.on_trial()
        return [*self.generations().values(), *([] if trial is None else [trial])]

    def _generation(self, place: Place) -> int | None:
        directory = self._app.sub_or_none(DIRECTORY)
        if directory is None:
            return None
        with directory:
            target = directory.readlink(place)
        if target is None:
            return None
        match = _TARGET.match(target)
        if not match:
            raise StoreError(
                f"{self.path(place)} points to {target!r}, which is not a generation",
                state="Somebody changed it by hand; relstore left it alone.",
                hint=f"Stop the unit of {'the trial' if place == TRIAL else f'slot {place}'}, "
                "and remove the link.",
            )
        return int(match.group(1))

    def path(self, slot: Place) -> str:
        """The absolute path of the slot's link, through which its unit runs the release."""
        return f"{self._app.path}/{DIRECTORY}/{slot}"

    def set(self, slot: Place, generation: int) -> None:
        """Durably, before its unit is started."""
        with self._app.make_or_open(DIRECTORY) as directory:
            durable.replace_symlink(directory, slot, f"../generations/{generation}", self._durability)

    def remove(self, slot: Place) -> None:
        """After its unit has stopped: an interpreter loads files through the link for as long as it runs."""
        directory = self._app.sub_or_none(DIRECTORY)
        if directory is not None:
            with directory:
                durable.remove_name(directory, slot)

    def standby(self) -> Slot | None:
        """The slot that keeps running without traffic, to go back to."""
        directory = self._app.sub_or_none(DIRECTORY)
        if directory is None:
            return None
        with directory:
            target = directory.readlink(STANDBY)
        return next((slot for slot in SLOTS if slot == target), None)

    def set_standby(self, slot: Slot | None) -> None:
        """Keep ``slot`` running; None: no slot is kept."""
        with self._app.make_or_open(DIRECTORY) as directory:
            if slot is None:
                durable.remove_name(directory, STANDBY)
            else:
                durable.replace_symlink(directory, STANDBY, slot, self._durability)

    def live(self, cut_over: CutOver) -> Slot | None:
        """The slot that has the traffic; None for none. Raises StoreError for a link that leads elsewhere."""
        return self._slot_at(LIVE, cut_over)

    def set_live(self, cut_over: CutOver, slot: Slot | None) -> None:
        """Move the traffic of new connections, atomically and durably; None leaves nowhere to connect to."""
        if slot is None:
            durable.remove_name(self._app, LIVE)
        else:
            durable.replace_symlink(self._app, LIVE, _target(cut_over, slot), self._durability)

    def shift(self, cut_over: CutOver) -> Shift | None:
        """The shift that was begun and not wound up. Raises StoreError for a link that leads elsewhere."""
        leads_to = self._slot_at(NEXT, cut_over)
        if leads_to is None:
            return None
        noted = None
        directory = self._app.sub_or_none(DIRECTORY)
        if directory is not None:
            with directory:
                noted = directory.readlink(SHARE)
        if noted is None or not _SHARE.match(noted):
            return Shift(leads_to, leads_to, ALL)  # somebody made it by hand: so much it may be
        return Shift(leads_to, "a" if noted[0] == "a" else "b", int(noted[2:]))

    def begin_shift(self, cut_over: CutOver, slot: Slot, share: int) -> None:
        """Durably, before the front is told to send ``share`` percent to ``next``, which names ``slot``."""
        with self._app.make_or_open(DIRECTORY) as directory:
            durable.replace_symlink(directory, SHARE, f"{slot}:{share}", self._durability)
        self.turn_shift(cut_over, slot)

    def turn_shift(self, cut_over: CutOver, slot: Slot) -> None:
        """Let what the front sends to ``next`` reach ``slot``, from the next connection on."""
        durable.replace_symlink(self._app, NEXT, _target(cut_over, slot), self._durability)

    def end_shift(self) -> None:
        """After the front sends nothing to ``next`` any more."""
        durable.remove_name(self._app, NEXT)
        directory = self._app.sub_or_none(DIRECTORY)
        if directory is not None:
            with directory:
                durable.remove_name(directory, SHARE)

    def _slot_at(self, name: str, cut_over: CutOver) -> Slot | None:
        target = self._app.readlink(name)
        if target is None:
            return None
        for slot in SLOTS:
            if target == _target(cut_over, slot):
                return slot
        raise StoreError(
            f"{self._app.path}/{name} points to {target!r}, which is not the socket of a slot",
            state="Traffic goes there; relstore left it alone.",
            hint="If `slot-socket` or `cut-over` was changed, point it to the slot that runs: "
            f"ln -sfn {_target(cut_over, 'a')} {self._app.path}/{name}",
        )


def _target(cut_over: CutOver, slot: Slot) -> str:
    """Where no traffic goes by ``live``, it still says which slot is the app's."""
    return cut_over.socket_of(slot) if cut_over.has_link else f"{DIRECTORY}/{slot}"
