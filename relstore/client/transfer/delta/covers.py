"""Which parts of a new file resemble which parts of an old one, though every address in them has moved.

A rebuilt program is the old one with a different address every few bytes: equal blocks are rare and short.
What is equal, and unique in the old file, begins a *cover*: a stretch of the new file together with the
stretch of the old one that it resembles. Covers grow to both sides as long as more bytes agree than differ
(Percival, *Naive differences of executable code*, 2003). What is left between them is searched for again,
more finely, near where it should be. All in numpy. Not for writing the difference (``patch``).
"""

from __future__ import annotations

from collections.abc import Iterable
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
    positions,
    unaligned,
)
from relstore.client.transfer.delta.zones import LAST_STEP, NOWHERE, Zones, batches, peak, score

_COARSE, _FINE = Kind(24, 5), Kind(8, 3)

_NEAR_BYTES = 4096
"""How far from its expected position a fine match may be."""

_WORTH_BYTES = 16
"""A small cover has to explain so many bytes more than its neighbours would."""

_SMALL_BYTES = 256
"""Larger covers are always kept."""

_TOUCHING_BYTES = 8
_THREADS = 4
_PART_BYTES = 2**22
_PART_BITS = 2


class Covers(NamedTuple):
    """Stretches of the new file, in order and without overlaps, each with its position in the old file."""

    start: Ints
    end: Ints
    move: Ints
    """The position in the old file minus the position in the new one."""

    @property
    def size(self) -> int:
        """Bytes of the new file that are covered."""
        return int((self.end - self.start).sum())

    def only(self, which: Flags | Ints) -> Covers:
        """Some of them."""
        return Covers(self.start[which], self.end[which], self.move[which])

    def before(self, position: Ints) -> Ints:
        """For each position the index of the last cover that starts there or before; 0 if none does."""
        return np.maximum(np.searchsorted(self.start, position, side="right") - 1, 0)


def find(old: Bytes, new: Bytes) -> Covers:
    """The covers of ``new``; none when the files have nothing in common."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return _Search(old, new, pool).run()


class _Search:
    def __init__(self, old: Bytes, new: Bytes, pool: Executor) -> None:
        self._old, self._new, self._pool = old, new, pool

    def run(self) -> Covers:
        parts = self._by_name()
        covers = _runs(_in_order(self._pool.map(lambda part: lone(*part), parts)), _COARSE.width)
        if not len(covers.start):
            return covers
        pairs = _in_order(self._pool.map(lambda part: self._again(part, covers), parts))
        covers = self._grown(_runs(pairs, _COARSE.width))
        del parts, pairs
        covers = self._grown(_joined(covers, _runs(self._between(covers), _FINE.width, covers)))
        return self._grown(covers.only(self._worth(covers)))

    def _shares(self, data: Bytes, kind: Kind, only: Flags | None = None) -> list[Words]:
        """The anchors of a file, in shares that are searched in parallel."""
        step = -(-len(data) // _THREADS)
        lows = range(0, len(data), step)
        return list(self._pool.map(lambda low: anchors(data, kind, low, low + step, only), lows))

    def _by_name(self) -> list[tuple[Words, Words]]:
        """The coarse anchors of both files, partitioned by name; those of the old file sorted."""
        old, new = (self._shares(data, _COARSE) for data in (self._old, self._new))

        def part(number: int) -> tuple[Words, Words]:
            return np.sort(_named(old, number)), _named(new, number)

        return list(self._pool.map(part, range(2**_PART_BITS)))

    def _again(self, part: tuple[Words, Words], covers: Covers) -> Pairs:
        """Every anchor where the cover before it predicts, or at the nearest position that has its bytes."""
        old, new = part
        position = positions(new)
        expected = self._expected(position, covers)
        equal = self._equal(position, expected)
        kept = Pairs(position[equal], (expected - position)[equal])
        return _in_order([kept, nearest(old, new[~equal], expected[~equal])])

    def _between(self, covers: Covers) -> Pairs:
        """Fine anchors of what is not covered, near where the cover before them predicts."""
        new = np.concatenate(self._shares(self._new, _FINE, self._uncovered(covers)))
        expected = self._expected(positions(new), covers)
        order = np.argsort(expected)
        new, expected = new[order], expected[order]

        def part(low: int) -> Pairs:
            high = low + _PART_BYTES
            old = anchors(self._old, _FINE, max(low - _NEAR_BYTES, 0), high + _NEAR_BYTES)
            some = slice(*np.searchsorted(expected, (low, high)))
            return nearest(np.sort(old), new[some], expected[some], _NEAR_BYTES)

        return _in_order(self._pool.map(part, range(0, len(self._old), _PART_BYTES)))

    def _expected(self, position: Ints, covers: Covers) -> Ints:
        """The position in the old file, if the bytes moved as the cover before them did."""
        return np.asarray(np.clip(position + covers.move[covers.before(position)], 0, len(self._old) - 1))

    def _equal(self, position: Ints, target: Ints) -> Flags:
        """Whether the old file has the bytes of a coarse anchor at ``target``."""
        count = len(self._old) - _COARSE.width + 1
        equal = target < count
        target = np.minimum(target, count - 1)
        for offset in range(0, _COARSE.width, 8):
            ours = unaligned(self._new, "<u8", offset, len(self._new) - _COARSE.width + 1)
            equal &= ours[position] == unaligned(self._old, "<u8", offset, count)[target]
        return equal

    def _uncovered(self, covers: Covers) -> Flags:
        uncovered = np.ones(len(self._new), bool)
        for start, end in zip(covers.start.tolist(), covers.end.tolist(), strict=True):
            uncovered[start:end] = False
        return uncovered

    def _agree(self, position: Ints, move: Ints) -> Flags:
        source = position + move
        inside = (source >= 0) & (source < len(self._old))
        return np.asarray((self._new[position] == self._old[np.where(inside, source, 0)]) & inside)

    def _grown(self, covers: Covers) -> Covers:
        """Covers that have grown to both sides; where two meet, the border is where most bytes agree."""
        if not len(covers.start):
            return covers
        zones = Zones.between(*covers, len(self._new))
        ends = list(self._pool.map(lambda some: self._borders(zones.only(some)), batches(zones.size)))
        start, end = covers.start.copy(), covers.end.copy()
        if ends:
            to, since = (np.concatenate(part) for part in zip(*ends, strict=True))
            has_left, has_right = zones.left != NOWHERE, zones.right != NOWHERE
            end[zones.right_of[has_left] - 1] = to[has_left]
            start[zones.right_of[has_right]] = since[has_right]
        return _merged(Covers(start, end, covers.move).only(end > start))

    def _borders(self, zones: Zones) -> tuple[Ints, Ints]:
        """For each zone, where the cover on its left ends and where the cover on its right starts."""
        size, first = zones.size, np.cumsum(zones.size) - zones.size
        step = np.arange(size.sum()) - np.repeat(first, size)
        position = step + np.repeat(zones.low, size)
        left = self._agree(position, np.repeat(zones.left, size))
        right = self._agree(position, np.repeat(zones.right, size))
        best, at = peak(score(2 * left.astype(np.int64) - 1, first, size), step, first)
        to = np.where(best > 0, at + 1, 0)
        gained = 2 * right.astype(np.int64) - 1
        upward = score(gained, first, size)
        whole = np.repeat(upward[first + size - 1], size)
        best, at = peak(whole - upward + gained, LAST_STEP - step, first)
        since = np.where(best > 0, LAST_STEP - at, size)
        meet = to > since
        if meet.any():
            best, at = peak(score(left.astype(np.int64) - right, first, size), step, first)
            border = np.clip(np.where(best > 0, at + 1, 0), since, to)
            to, since = np.where(meet, border, to), np.where(meet, border, since)
        return zones.low + to, zones.low + since

    def _worth(self, covers: Covers) -> Flags:
        """Which covers explain enough that neither neighbour would; of two in a row at least one stays."""
        which = np.flatnonzero((covers.end - covers.start)[1:-1] < _SMALL_BYTES) + 1
        keep = np.ones(len(covers.start), bool)
        for some in batches((covers.end - covers.start)[which]):
            index = which[some]
            own = self._explained(covers, index, index)
            for beside, space in (
                (index - 1, covers.start[index] - covers.end[index - 1]),
                (index + 1, covers.start[index + 1] - covers.end[index]),
            ):
                gain = own - np.where(space < _TOUCHING_BYTES, self._explained(covers, index, beside), 0)
                keep[index[gain < _WORTH_BYTES]] = False
        gone = np.flatnonzero(~keep)
        keep[gone[1:][np.diff(gone) == 1]] = True
        return keep

    def _explained(self, covers: Covers, index: Ints, by: Ints) -> Ints:
        """How many bytes of each cover agree when it is moved like the cover at ``by``."""
        size = covers.end[index] - covers.start[index]
        first = np.cumsum(size) - size
        position = np.arange(size.sum()) + np.repeat(covers.start[index] - first, size)
        agree = self._agree(position, np.repeat(covers.move[by], size))
        return np.asarray(np.add.reduceat(agree.astype(np.int64), first))


def _named(shares: list[Words], number: int) -> Words:
    """The anchors whose names begin with ``number``."""
    shift = np.uint64(64 - _PART_BITS)
    return np.concatenate([share[share >> shift == number] for share in shares])


def _in_order(parts: Iterable[Pairs]) -> Pairs:
    pairs = Pairs(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    return pairs.only(np.argsort(pairs.position, kind="stable"))


def _runs(pairs: Pairs, width: int, among: Covers | None = None) -> Covers:
    """Runs of neighbouring anchors with the same move; a lone anchor may be a coincidence.

    ``among``: the covers so far; no run extends across one of them.
    """
    same = pairs.move[1:] == pairs.move[:-1]
    if among is not None:
        slot = np.searchsorted(among.start, pairs.position)
        same &= slot[1:] == slot[:-1]
    with_next, with_last = np.append(same, False), np.append(False, same)
    first, last = np.flatnonzero(with_next & ~with_last), np.flatnonzero(with_last & ~with_next)
    return Covers(pairs.position[first], pairs.position[last] + width, pairs.move[first])


def _joined(coarse: Covers, fine: Covers) -> Covers:
    """Both, in order, without those that lie within another."""
    both = Covers(*(np.concatenate(pair) for pair in zip(coarse, fine, strict=True)))
    both = both.only(np.argsort(both.start, kind="stable"))
    inside = both.end[1:] <= np.maximum.accumulate(both.end)[:-1]
    return both.only(np.append(True, ~inside))


def _merged(covers: Covers) -> Covers:
    """Covers, with those joined that touch and have the same move."""
    apart = (covers.move[1:] != covers.move[:-1]) | (covers.start[1:] > covers.end[:-1])
    first, last = np.append(True, apart), np.append(apart, True)
    return Covers(covers.start[first], covers.end[last], covers.move[first])
