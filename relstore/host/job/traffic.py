"""Where the traffic of an app with two slots goes, and moving it: what every way has in common.

``live`` on disk leads to the slot that has the traffic, whatever a way does beyond that. A way that has the
front send a share to the new slot keeps ``next`` for as long as the front may do so. Which shares there are,
and what is watched meanwhile, is for the activation (``cut_over``); which slots may be stopped, for
``drain``; which way it is, for ``ways``.
"""

from __future__ import annotations

from typing import Optional, Protocol

from relstore.formats.cut_over import ALL, COMMAND, SLOTS, CutOver, Slot
from relstore.host.job.log import JobLog
from relstore.store.slots import Slots


def reached(slots: Slots, cut_over: CutOver) -> frozenset[Slot]:
    """The slots that a request may reach. Raises StoreError."""
    live, shift = slots.live(cut_over), slots.shift(cut_over)
    if shift is not None and cut_over.way == COMMAND:
        return frozenset(SLOTS)  # the front may know them by other names than ``live`` and ``next``
    return frozenset(slot for slot in (live, shift and shift.next) if slot is not None)


class Traffic(Protocol):
    """The traffic of one app, in one way."""

    def prepare(self, *, gradual: bool) -> str:
        """Before anything starts: wind up what an earlier shift left, and see that the traffic can be moved,
        share by share if ``gradual``; why it cannot, or ``""``."""

    def give(self, new: Slot, share: int) -> str:
        """Let ``new`` have that many percent of the new connections; why that failed, or ``""``.

        Raises OSError, RelstoreError.
        """

    def lost(self, share: int) -> str:
        """Why the share that was given is not there any more, or ``""``."""

    def give_back(self, old: Optional[Slot]) -> None:
        """Let ``live``, and ``next`` where it is there, lead to ``old`` again; None leaves nowhere to connect
        to. Raises OSError, RelstoreError."""

    def wind_up(self) -> str:
        """Have the front send everything to ``live``; ``next`` then goes. Why that failed, or ``""``.

        Raises OSError, RelstoreError.
        """


class LinkTraffic:
    """All connections go by ``live``, so the traffic moves at once, by a rename, and nobody is told."""

    def __init__(self, slots: Slots, cut_over: CutOver, log: JobLog) -> None:
        self._slots = slots
        self._cut_over = cut_over
        self._log = log

    def prepare(self, *, gradual: bool) -> str:
        self._slots.end_shift()  # what another way may have left
        return ""

    def give(self, new: Slot, share: int) -> str:
        if share != ALL:
            raise ValueError(f"{self._cut_over.way} cannot move {share} %")
        self._slots.set_live(self._cut_over, new)
        self._say_share(new, share)
        return ""

    def lost(self, share: int) -> str:
        return ""

    def give_back(self, old: Optional[Slot]) -> None:
        self._slots.set_live(self._cut_over, old)

    def wind_up(self) -> str:
        return ""

    def _say_share(self, new: Slot, share: int) -> None:
        part = "" if share == ALL else f"{share} % of "
        self._log.say(f"slot {new} has {part}the traffic")


class NoTraffic(LinkTraffic):
    """Nothing goes by ``live``: workers overlap, and slots behind a shared socket accept from their start on.
    ``live`` only notes which slot is the app's, and nothing is said about it."""

    def give(self, new: Slot, share: int) -> str:
        self._slots.set_live(self._cut_over, new)
        return ""


class SharedTraffic(LinkTraffic):
    """Some of the connections go by ``next``: what the ways have in common that tell the front of shares."""

    def give_back(self, old: Optional[Slot]) -> None:
        # First of all by the links, which needs nobody's help; ``wind_up`` tells the front.
        if old is not None and self._slots.shift(self._cut_over) is not None:
            self._slots.turn_shift(self._cut_over, old)
        self._slots.set_live(self._cut_over, old)
