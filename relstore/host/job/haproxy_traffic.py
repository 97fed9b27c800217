"""Moving the traffic by HAProxy's weights: its servers ``live`` and ``next`` connect to the links so named.

The links alone decide which slot is reached, so HAProxy is needed only to go forward: where it cannot be
told that ``live`` gets everything again, ``next`` stays, and leads to the same slot.
"""

from __future__ import annotations

import time

from relstore.formats.cut_over import ALL, CutOver, Slot
from relstore.formats.front import HaproxyApi
from relstore.host.job.log import JobLog
from relstore.host.job.traffic import SharedTraffic
from relstore.host.service.haproxy import Haproxy, HaproxyError
from relstore.store.slots import Slots

_RETRY_S = 5.0
"""So long is a HAProxy that does not answer, because it restarts, asked to take the share back."""
_POLL_S = 0.5


class HaproxyTraffic(SharedTraffic):
    """Shares by weights."""

    def __init__(self, slots: Slots, cut_over: CutOver, log: JobLog, api: HaproxyApi) -> None:
        super().__init__(slots, cut_over, log)
        self._haproxy = Haproxy(api)

    def prepare(self, *, gradual: bool) -> str:
        try:
            self._haproxy.check()
            self._reset()
        except HaproxyError as error:
            if gradual:
                return f"{error.what}. {error.hint}"
            self._log.say(f"{error.what}; the links alone move the traffic")
        return ""

    def give(self, new: Slot, share: int) -> str:
        if share == ALL:
            super().give(new, share)
            if self._slots.shift(self._cut_over) is None:
                return ""
            self._slots.turn_shift(self._cut_over, new)
            problem = self.wind_up()
            if problem:
                self._log.say(problem)
            return ""
        self._slots.begin_shift(self._cut_over, new, share)
        try:
            self._haproxy.set_share(share)
        except HaproxyError as error:
            return f"slot {new} did not get {share} % of the traffic: {error.what}"
        self._say_share(new, share)
        return ""

    def lost(self, share: int) -> str:
        if share == ALL:
            return ""
        try:
            return self._haproxy.differs(share)
        except HaproxyError as error:
            return error.what

    def wind_up(self) -> str:
        if self._slots.shift(self._cut_over) is None:
            return ""
        deadline = time.monotonic() + _RETRY_S
        while True:
            try:
                self._reset()
                return ""
            except HaproxyError as error:
                if time.monotonic() >= deadline:
                    live = self._slots.live(self._cut_over)
                    return (
                        f"HAProxy was not told to send nothing to `next` ({error.what}); both of its servers "
                        f"lead to slot {live}, so that has all of the traffic"
                    )
            time.sleep(_POLL_S)

    def _reset(self) -> None:
        if self._haproxy.differs(0):
            self._haproxy.set_share(0)
        self._slots.end_shift()
