"""Where the traffic of an app with two slots goes, and moving it: one implementation for each way.

Which share the new slot gets when, and what is watched meanwhile, is for the activation (``cut_over``); which
slots may be stopped, for ``drain``. Whatever a way does beyond it, ``live`` on disk leads to the right slot.
"""

from __future__ import annotations

from typing import Optional, Protocol

from relstore.formats.cut_over import ALL, CutOver, Slot
from relstore.host.job.log import JobLog
from relstore.store.slots import Slots


class Traffic(Protocol):
    """The traffic of one app."""

    def slot(self) -> Optional[Slot]:
        """The slot that has the traffic, or most of it. Raises StoreError for a link that leads elsewhere."""

    def reached(self) -> frozenset[Slot]:
        """The slots that a request may reach. Raises StoreError."""

    def give(self, new: Slot, share: int) -> None:
        """Let ``new`` have that many percent of the new connections. Raises OSError, RelstoreError."""

    def give_back(self, old: Optional[Slot]) -> None:
        """Let ``old`` have all of them again, whatever ``new`` had; None leaves nowhere to connect to.

        Raises OSError, RelstoreError.
        """


class LinkTraffic:
    """All connections go by ``live``, so the traffic moves at once, by a rename."""

    def __init__(self, slots: Slots, cut_over: CutOver, log: JobLog) -> None:
        self._slots = slots
        self._cut_over = cut_over
        self._log = log

    def slot(self) -> Optional[Slot]:
        return self._slots.live(self._cut_over)

    def reached(self) -> frozenset[Slot]:
        live = self.slot()
        return frozenset() if live is None else frozenset((live,))

    def give(self, new: Slot, share: int) -> None:
        if share != ALL:
            raise ValueError(f"a link cannot move {share} %")
        self._slots.set_live(self._cut_over, new)
        self._log.say(f"slot {new} has the traffic")

    def give_back(self, old: Optional[Slot]) -> None:
        self._slots.set_live(self._cut_over, old)


class NoTraffic(LinkTraffic):
    """Nothing goes by ``live``: workers overlap, and slots behind a shared socket accept from their start on.
    ``live`` only notes which slot is the app's, and nothing is said about it."""

    def give(self, new: Slot, share: int) -> None:
        self._slots.set_live(self._cut_over, new)


def of(slots: Slots, cut_over: CutOver, log: JobLog) -> Traffic:
    """The traffic of the app with those ``slots``."""
    if not cut_over.has_link:
        return NoTraffic(slots, cut_over, log)
    return LinkTraffic(slots, cut_over, log)
