"""Moving the traffic by a command of the deployer's, which tells a front that relstore does not know.

The command is asked for every share, for all of it, and for the way back (share 0). What it knows the slots
by is its own business, so where it fails on the way back, nobody can say what the front does: the new slot
then goes on to run, and ``next`` stays until a later activation has asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Optional

from relstore.formats.command import Command
from relstore.formats.cut_over import ALL, CutOver, Slot, other
from relstore.formats.generation import Generation
from relstore.host.job.hooks import Hooks
from relstore.host.job.log import JobLog
from relstore.host.job.traffic import SharedTraffic
from relstore.store.slots import Slots

FORWARD = "forward"
BACK = "back"


class Asking(NamedTuple):
    """What it takes to run the command."""

    hooks: Hooks
    generations: Mapping[int, Generation]
    target: Generation
    """What is activated: it is what runs in the new slot, where nothing else is known."""


class CommandTraffic(SharedTraffic):
    """Shares as a command sets them."""

    def __init__(
        self, slots: Slots, cut_over: CutOver, log: JobLog, command: Command, asking: Asking
    ) -> None:
        super().__init__(slots, cut_over, log)
        self._command = command
        self._asking = asking

    def prepare(self, *, gradual: bool) -> str:
        return self.wind_up()

    def give(self, new: Slot, share: int) -> str:
        self._slots.begin_shift(self._cut_over, new, share)
        if share == ALL:
            self._slots.set_live(self._cut_over, new)
        problem = self._ask(new, share, FORWARD)
        if problem:
            return problem
        if share == ALL:
            self._slots.end_shift()
        self._say_share(new, share)
        return ""

    def give_back(self, old: Optional[Slot]) -> None:
        live = self._slots.live(self._cut_over)
        if live is not None and live != old and self._slots.shift(self._cut_over) is None:
            # It was told of all, and that was wound up. Now it must be told of the way back.
            self._slots.begin_shift(self._cut_over, live, ALL)
        super().give_back(old)

    def wind_up(self) -> str:
        shift = self._slots.shift(self._cut_over)
        if shift is None:
            return ""
        forward = shift.new == self._slots.live(self._cut_over)  # only the last word was not heard
        problem = self._ask(shift.new, ALL if forward else 0, FORWARD if forward else BACK)
        if problem:
            front = f"send up to {shift.share} % of the traffic to slot {shift.new}"
            if forward:
                front = f"not send all of the traffic to slot {shift.new}"
            return (
                f"{problem}. The front may still {front}, so both slots go on to run. Make the command "
                "succeed; `relstore restart` asks it again before it does anything else"
            )
        self._slots.end_shift()
        return ""

    def _ask(self, slot: Slot, share: int, direction: str) -> str:
        """Run the command for what is in ``slot``; what went wrong, or ``""``."""
        hooks, generations, target = self._asking
        runs = {name: generations.get(number) for name, number in self._slots.generations().items()}
        variables = {
            "RELSTORE_SLOT": slot,
            "RELSTORE_SOCKET": self._cut_over.socket_of(slot),
            "RELSTORE_OTHER_SOCKET": self._cut_over.socket_of(other(slot)),
            "RELSTORE_SHARE": str(share),
            "RELSTORE_DIRECTION": direction,
        }
        return hooks.run(
            "cut-over", self._command, runs.get(slot) or target, runs.get(other(slot)), variables
        )
