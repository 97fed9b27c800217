"""How far the traffic has moved to the new slot, and what is left of a shift that ended otherwise: for
``status``. Reads only. Not for what else there is to say of slots (``slot_status``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Optional

from relstore.errors import StoreError
from relstore.formats.cut_over import ALL, COMMAND, CutOver, Slot
from relstore.host.service.haproxy import Haproxy, HaproxyError
from relstore.store.slots import Shift, Slots


def shares(slots: Slots, cut_over: CutOver, live: Optional[Slot]) -> Mapping[Slot, int]:
    """The percentages of the two slots while the traffic moves gradually; HAProxy's own where it tells."""
    try:
        shift = slots.shift(cut_over)
    except StoreError:
        return {}
    if shift is None or live is None or shift.new == live:
        return {}
    share = shift.share
    if cut_over.front is not None and cut_over.front.haproxy is not None:
        if shift.next == live:
            return {}  # whatever the weights are
        with contextlib.suppress(HaproxyError):
            share = Haproxy(cut_over.front.haproxy).look().share
    return {shift.new: share, live: ALL - share}


def unfit(
    slots: Slots, cut_over: CutOver, live: Optional[Slot], generations: Mapping[Slot, int]
) -> Iterator[str]:
    """Sentences about what is not as it should be while nothing moves. Raises StoreError."""
    shift = slots.shift(cut_over)
    if shift is not None and shift.next == shift.new != live:
        number = generations.get(shift.new, 0)
        yield f"slot {shift.new} generation {number}, {shift.share} %: the next activation takes that back"
    elif shift is not None and cut_over.way == COMMAND:
        failed = f"take back up to {shift.share} % of the traffic from slot {shift.new}"
        if shift.new == live:
            failed = f"move all of the traffic to slot {shift.new}"
        yield f"the cut-over command did not {failed}; `relstore restart` asks it again"
    yield from _weights(cut_over, shift)


def _weights(cut_over: CutOver, shift: Optional[Shift]) -> Iterator[str]:
    """What HAProxy does instead of sending everything to ``live``."""
    if cut_over.front is None or cut_over.front.haproxy is None:
        return
    try:
        servers = Haproxy(cut_over.front.haproxy).look()
    except HaproxyError as error:
        yield error.what
        return
    if servers.next.weight:
        leads = f"slot {shift.next}" if shift else "nothing"
        yield f"HAProxy sends {servers.share} % of the traffic to `next`, which leads to {leads}"
