"""Moves the traffic to the new slot, share by share, and watches the release with each.

A failure is only returned: going back is for the activation (``cut_over``), and how a share is given for
``traffic``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from relstore.formats.cut_over import Slot
from relstore.formats.generation import Generation
from relstore.host.job.log import JobLog
from relstore.host.job.record import Record
from relstore.host.job.slot_service import SlotService
from relstore.host.job.traffic import Traffic
from relstore.host.service.services import ServiceFailure
from relstore.store.slots import Slots

MOVING = "moving the traffic"
WATCHING = "watching"
_TRIES = 3
"""So often is a share moved that the front forgets, as HAProxy does when it restarts."""


class TrafficShift:
    """Of one activation of ``target``, with ``previous`` current. ``variables``: for its probes."""

    def __init__(
        self,
        record: Record,
        traffic: Traffic,
        slots: Slots,
        log: JobLog,
        target: Generation,
        previous: int,
        variables: Mapping[str, str],
    ) -> None:
        self._record = record
        self._traffic = traffic
        self._slots = slots
        self._log = log
        self._target = target
        self._previous = previous
        self._variables = variables

    def join(self, service: SlotService, new: Slot) -> ServiceFailure | None:
        """Start the new slot, which accepts from the shared socket from then on, beside the old one.

        Raises OSError, RelstoreError.
        """
        self._record.try_step(MOVING, self._previous)
        self._log.say(f"starting generation {self._target.number} in slot {new}, at the shared socket")
        self._slots.set(new, self._target.number)
        failure = service.start(self._variables)
        if failure is not None:
            return failure
        problem = service.check(self._target.build, self._variables, at_once=True)
        return ServiceFailure(problem) if problem else None

    def move(
        self, service: SlotService, new: Slot, stages: Sequence[int], seconds: float
    ) -> ServiceFailure | None:
        """Give ``new`` the ``stages``, in percent, one after the other, each for ``seconds`` at least.

        Raises OSError, RelstoreError.
        """
        for share in stages:
            failure = self._move_share(service, new, share, seconds)
            if failure is not None:
                return failure
        return None

    def _move_share(
        self, service: SlotService, new: Slot, share: int, seconds: float
    ) -> ServiceFailure | None:
        lost = ""
        for _ in range(_TRIES):
            if lost:
                self._log.say(f"{lost}: moving {share} % of the traffic again")
            self._record.try_step(MOVING, self._previous)
            problem = self._traffic.give(new, share)
            if problem:
                return ServiceFailure(problem, of_release=False)
            self._record.try_step(WATCHING, self._previous)
            problem = service.watch(self._target.build, self._variables, seconds)
            if problem:
                return ServiceFailure(problem)
            # What was watched without its share of the traffic was not watched.
            lost = self._traffic.lost(share)
            if not lost:
                return None
        return ServiceFailure(f"slot {new} did not keep {share} % of the traffic: {lost}", of_release=False)
