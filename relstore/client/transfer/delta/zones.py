"""The zones of a new file in which covers may grow, and where in a zone a sum of gains peaks. Pure.

Not for which bytes agree, and so for how far a cover grows in its zone (``covers``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from relstore.client.transfer.delta.anchors import Ints

NOWHERE = 2**40
"""The move of a cover that is not there."""

_REACH_BYTES = 2**16
"""How far a cover grows at once."""

_BATCH_BYTES = 2**18
_STEP_BITS = 20
LAST_STEP = 2**_STEP_BITS - 1


class Zones(NamedTuple):
    """Where covers may grow: the gap between two, or only its two ends when it is large."""

    right_of: Ints
    """The index of the cover on the right; the cover on the left is the previous one."""
    low: Ints
    high: Ints
    left: Ints
    right: Ints
    """The moves of both covers; NOWHERE where there is none, or it is too far away."""

    @property
    def size(self) -> Ints:
        return self.high - self.low

    def only(self, which: slice) -> Zones:
        return Zones(*(column[which] for column in self))

    @classmethod
    def between(cls, start: Ints, end: Ints, move: Ints, length: int) -> Zones:
        """The zones of a file of ``length`` bytes, between covers that ``start``, ``end`` and ``move`` so."""
        left_end, right_start = np.append(0, end), np.append(start, length)
        # Two covers may overlap by less than an anchor; the border is somewhere in the overlap.
        low, high = np.minimum(left_end, right_start), np.maximum(left_end, right_start)
        left, right = np.append(NOWHERE, move), np.append(move, NOWHERE)
        index = np.arange(len(low))
        near = high - low <= 2 * _REACH_BYTES
        whole, far = near & (high > low), ~near
        nowhere = np.full(int(far.sum()), NOWHERE)
        parts = (
            (index[whole], low[whole], high[whole], left[whole], right[whole]),
            (index[far], low[far], low[far] + _REACH_BYTES, left[far], nowhere),
            (index[far], high[far] - _REACH_BYTES, high[far], nowhere, right[far]),
        )
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def score(gained: Ints, first: Ints, size: Ints) -> Ints:
    """The sum of the gains in each zone up to each position, that position included."""
    total = np.cumsum(gained)
    return np.asarray(total - np.repeat(total[first] - gained[first], size))


def peak(scores: Ints, step: Ints, first: Ints) -> tuple[Ints, Ints]:
    """The highest score of each zone, and its step; of several steps the largest."""
    best = np.maximum.reduceat((scores << _STEP_BITS) + step, first)
    return best >> _STEP_BITS, best & LAST_STEP


def batches(sizes: Ints) -> Iterator[slice]:
    """Slices of neighbours with about _BATCH_BYTES together."""
    total = np.cumsum(sizes)
    low = 0
    while low < len(sizes):
        before = total[low - 1] if low else 0
        high = max(int(np.searchsorted(total, before + _BATCH_BYTES, side="right")), low + 1)
        yield slice(low, high)
        low = high
