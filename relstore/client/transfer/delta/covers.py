"""Which parts of a new file are like which parts of an old one, though every address in them has moved.

A program that was built again is the old one with other addresses every few bytes: equal blocks are rare and
short. What is equal, and in the old file only once, begins a *cover*: a stretch of the new file with the one
of the old that it is made from. Covers grow to both sides as long as more bytes agree than do not (Percival,
*Naive differences of executable code*, 2003); what is left between them is looked for again, more finely,
near where it would be. All by numpy. Not for writing the difference (``patch``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from relstore.client.transfer.delta.anchors import (
    Bytes,
    Flags,
    Ints,
    Kind,
    Pairs,
    Words,
    anchors,
    lone,
    nearest,
    places,
    unaligned,
)

_COARSE, _FINE = Kind(24, 5), Kind(8, 3)

_NEAR_BYTES = 4096
"""How far from where it is expected a fine match may be."""

_REACH_BYTES = 2**16
"""How far a cover grows at once."""

_WORTH_BYTES = 16
"""A cover explains so many bytes more than its neighbours would."""

_SMALL_BYTES = 256
"""Larger covers are worth it."""

_TOUCHING_BYTES = 8
_BATCH_BYTES = 2**18
_STEP_BITS = 20
_LAST_STEP = 2**_STEP_BITS - 1
_NOWHERE = 2**40
_THREADS = 4
_PART_BYTES = 2**22
_PART_BITS = 2


class Covers(NamedTuple):
    """Stretches of the new file, in their order and not overlapping, each with its place in the old one."""

    start: Ints
    end: Ints
    move: Ints
    """The position in the old file, less that in the new one."""

    @property
    def size(self) -> int:
        """Bytes of the new file that are covered."""
        return int((self.end - self.start).sum())

    def only(self, which: Flags | Ints) -> Covers:
        """Some of them."""
        return Covers(self.start[which], self.end[which], self.move[which])

    def before(self, place: Ints) -> Ints:
        """The index of the last cover that starts at each position or before; the first if none does."""
        return np.maximum(np.searchsorted(self.start, place, side="right") - 1, 0)


def find(old: Bytes, new: Bytes) -> Covers:
    """The covers of ``new``; none when nothing is alike."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return _Search(old, new, pool).run()


class _Search:
    def __init__(self, old: Bytes, new: Bytes, pool: Executor) -> None:
        self._old, self._new, self._pool = old, new, pool

    def run(self) -> Covers:
        parts = self._by_name()
        found = _runs(_in_order(self._pool.map(lambda part: lone(*part), parts)), _COARSE.width)
        if not len(found.start):
            return found
        pairs = _in_order(self._pool.map(lambda part: self._again(part, found), parts))
        found = self._grown(_runs(pairs, _COARSE.width))
        del parts, pairs
        found = self._grown(_joined(found, _runs(self._between(found), _FINE.width, found)))
        return self._grown(found.only(self._worth(found)))

    def _shares(self, data: Bytes, kind: Kind, only: Flags | None = None) -> list[Words]:
        """The anchors of a file, in shares that were looked for at the same time."""
        step = -(-len(data) // _THREADS)
        lows = range(0, len(data), step)
        return list(self._pool.map(lambda low: anchors(data, kind, low, low + step, only), lows))

    def _by_name(self) -> list[tuple[Words, Words]]:
        """The coarse anchors of both files, taken apart by their names; those of the old file sorted."""
        there, here = (self._shares(data, _COARSE) for data in (self._old, self._new))

        def part(number: int) -> tuple[Words, Words]:
            return np.sort(_named(there, number)), _named(here, number)

        return list(self._pool.map(part, range(2**_PART_BITS)))

    def _again(self, part: tuple[Words, Words], found: Covers) -> Pairs:
        """Every anchor where the cover before it says, or else at the nearest place that has its bytes."""
        there, here = part
        place = places(here)
        expected = self._expected(place, found)
        equal = self._equal(place, expected)
        kept = Pairs(place[equal], (expected - place)[equal])
        return _in_order([kept, nearest(there, here[~equal], expected[~equal])])

    def _between(self, found: Covers) -> Pairs:
        """Fine anchors of what is not covered, near where the cover before them says."""
        here = np.concatenate(self._shares(self._new, _FINE, self._uncovered(found)))
        expected = self._expected(places(here), found)
        order = np.argsort(expected)
        here, expected = here[order], expected[order]

        def part(low: int) -> Pairs:
            high = low + _PART_BYTES
            there = anchors(self._old, _FINE, max(low - _NEAR_BYTES, 0), high + _NEAR_BYTES)
            some = slice(*np.searchsorted(expected, (low, high)))
            return nearest(np.sort(there), here[some], expected[some], _NEAR_BYTES)

        return _in_order(self._pool.map(part, range(0, len(self._old), _PART_BYTES)))

    def _expected(self, place: Ints, found: Covers) -> Ints:
        """Where in the old file it is, if it moved as the cover before it did."""
        return np.asarray(np.clip(place + found.move[found.before(place)], 0, len(self._old) - 1))

    def _equal(self, place: Ints, target: Ints) -> Flags:
        """Whether the bytes of a coarse anchor are there."""
        count = len(self._old) - _COARSE.width + 1
        equal = target < count
        target = np.minimum(target, count - 1)
        for offset in range(0, _COARSE.width, 8):
            ours = unaligned(self._new, "<u8", offset, len(self._new) - _COARSE.width + 1)
            equal &= ours[place] == unaligned(self._old, "<u8", offset, count)[target]
        return equal

    def _uncovered(self, found: Covers) -> Flags:
        uncovered = np.ones(len(self._new), bool)
        for start, end in zip(found.start.tolist(), found.end.tolist(), strict=True):
            uncovered[start:end] = False
        return uncovered

    def _agree(self, place: Ints, move: Ints) -> Flags:
        there = place + move
        inside = (there >= 0) & (there < len(self._old))
        return np.asarray((self._new[place] == self._old[np.where(inside, there, 0)]) & inside)

    def _grown(self, found: Covers) -> Covers:
        """Each grows to both sides; where two meet, the border is where the most bytes agree."""
        if not len(found.start):
            return found
        zones = _Zones.between(found, len(self._new))
        ends = list(self._pool.map(lambda some: self._borders(zones.only(some)), _batches(zones.size)))
        start, end = found.start.copy(), found.end.copy()
        if ends:
            to, since = (np.concatenate(part) for part in zip(*ends, strict=True))
            has_left, has_right = zones.left != _NOWHERE, zones.right != _NOWHERE
            end[zones.right_of[has_left] - 1] = to[has_left]
            start[zones.right_of[has_right]] = since[has_right]
        return _merged(Covers(start, end, found.move).only(end > start))

    def _borders(self, zones: _Zones) -> tuple[Ints, Ints]:
        """For each zone where the cover on its left ends and where that on its right starts."""
        size, first = zones.size, np.cumsum(zones.size) - zones.size
        step = np.arange(size.sum()) - np.repeat(first, size)
        place = step + np.repeat(zones.low, size)
        left = self._agree(place, np.repeat(zones.left, size))
        right = self._agree(place, np.repeat(zones.right, size))
        best, at = _peak(_score(2 * left.astype(np.int64) - 1, first, size), step, first)
        to = np.where(best > 0, at + 1, 0)
        gained = 2 * right.astype(np.int64) - 1
        upward = _score(gained, first, size)
        whole = np.repeat(upward[first + size - 1], size)
        best, at = _peak(whole - upward + gained, _LAST_STEP - step, first)
        since = np.where(best > 0, _LAST_STEP - at, size)
        meet = to > since
        if meet.any():
            best, at = _peak(_score(left.astype(np.int64) - right, first, size), step, first)
            border = np.clip(np.where(best > 0, at + 1, 0), since, to)
            to, since = np.where(meet, border, to), np.where(meet, border, since)
        return zones.low + to, zones.low + since

    def _worth(self, found: Covers) -> Flags:
        """Which ones explain enough that neither neighbour would; of two in a row at least one stays."""
        which = np.flatnonzero((found.end - found.start)[1:-1] < _SMALL_BYTES) + 1
        keep = np.ones(len(found.start), bool)
        for some in _batches((found.end - found.start)[which]):
            index = which[some]
            own = self._explained(found, index, index)
            for beside, space in (
                (index - 1, found.start[index] - found.end[index - 1]),
                (index + 1, found.start[index + 1] - found.end[index]),
            ):
                gain = own - np.where(space < _TOUCHING_BYTES, self._explained(found, index, beside), 0)
                keep[index[gain < _WORTH_BYTES]] = False
        gone = np.flatnonzero(~keep)
        keep[gone[1:][np.diff(gone) == 1]] = True
        return keep

    def _explained(self, found: Covers, index: Ints, by: Ints) -> Ints:
        """Bytes of each cover that agree when it is moved as another one."""
        size = found.end[index] - found.start[index]
        first = np.cumsum(size) - size
        place = np.arange(size.sum()) + np.repeat(found.start[index] - first, size)
        agree = self._agree(place, np.repeat(found.move[by], size))
        return np.asarray(np.add.reduceat(agree.astype(np.int64), first))


class _Zones(NamedTuple):
    """Where covers may grow: what is between two, or the two ends of it when that is much."""

    right_of: Ints
    """The index of the cover on the right; the one on the left is the one before."""
    low: Ints
    high: Ints
    left: Ints
    right: Ints
    """Their moves; _NOWHERE where there is none, or where it is too far away."""

    @property
    def size(self) -> Ints:
        return self.high - self.low

    def only(self, which: slice) -> _Zones:
        return _Zones(*(column[which] for column in self))

    @classmethod
    def between(cls, found: Covers, length: int) -> _Zones:
        one, other = np.append(0, found.end), np.append(found.start, length)
        # Two may overlap by less than an anchor; then the border is to be found there.
        low, high = np.minimum(one, other), np.maximum(one, other)
        left, right = np.append(_NOWHERE, found.move), np.append(found.move, _NOWHERE)
        index = np.arange(len(low))
        near = high - low <= 2 * _REACH_BYTES
        there, far = near & (high > low), ~near
        nowhere = np.full(int(far.sum()), _NOWHERE)
        parts = (
            (index[there], low[there], high[there], left[there], right[there]),
            (index[far], low[far], low[far] + _REACH_BYTES, left[far], nowhere),
            (index[far], high[far] - _REACH_BYTES, high[far], nowhere, right[far]),
        )
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _named(shares: list[Words], number: int) -> Words:
    """The anchors whose names begin with ``number``."""
    shift = np.uint64(64 - _PART_BITS)
    return np.concatenate([share[share >> shift == number] for share in shares])


def _in_order(parts: Iterable[Pairs]) -> Pairs:
    pairs = Pairs(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    return pairs.only(np.argsort(pairs.place, kind="stable"))


def _runs(pairs: Pairs, width: int, among: Covers | None = None) -> Covers:
    """Neighbouring anchors that moved alike; one that moved alone is taken for chance.

    ``among``: what was found before; no run reaches over one of these.
    """
    same = pairs.move[1:] == pairs.move[:-1]
    if among is not None:
        slot = np.searchsorted(among.start, pairs.place)
        same &= slot[1:] == slot[:-1]
    with_next, with_last = np.append(same, False), np.append(False, same)
    first, last = np.flatnonzero(with_next & ~with_last), np.flatnonzero(with_last & ~with_next)
    return Covers(pairs.place[first], pairs.place[last] + width, pairs.move[first])


def _joined(one: Covers, other: Covers) -> Covers:
    """Both, in order, without those that lie within another."""
    both = Covers(*(np.concatenate(pair) for pair in zip(one, other, strict=True)))
    both = both.only(np.argsort(both.start, kind="stable"))
    inside = both.end[1:] <= np.maximum.accumulate(both.end)[:-1]
    return both.only(np.append(True, ~inside))


def _merged(found: Covers) -> Covers:
    """One for those that touch and moved alike."""
    apart = (found.move[1:] != found.move[:-1]) | (found.start[1:] > found.end[:-1])
    first, last = np.append(True, apart), np.append(apart, True)
    return Covers(found.start[first], found.end[last], found.move[first])


def _score(gained: Ints, first: Ints, size: Ints) -> Ints:
    """The sum of what was gained in each zone up to and with each position."""
    total = np.cumsum(gained)
    return np.asarray(total - np.repeat(total[first] - gained[first], size))


def _peak(score: Ints, step: Ints, first: Ints) -> tuple[Ints, Ints]:
    """The highest score of each zone and its step, the largest of several."""
    best = np.maximum.reduceat((score << _STEP_BITS) + step, first)
    return best >> _STEP_BITS, best & _LAST_STEP


def _batches(sizes: Ints) -> Iterator[slice]:
    """Neighbours of about _BATCH_BYTES together."""
    total = np.cumsum(sizes)
    low = 0
    while low < len(sizes):
        before = total[low - 1] if low else 0
        high = max(int(np.searchsorted(total, before + _BATCH_BYTES, side="right")), low + 1)
        yield slice(low, high)
        low = high
