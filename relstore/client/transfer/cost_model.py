"""Which codec, at which level, with or without a base: whichever gets the content to the host soonest. Pure.

Making, sending and undoing overlap, chunk by chunk. What can be measured is: the link by earlier pushes, the
content and this machine by a sample (``sampling``). The rest are ratios between levels, measured on contents
of many kinds; ``bench/choice.py`` compares what is chosen with what would have been best.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from relstore.client.coding import Coding
from relstore.formats.codecs import PATCH_LZMA, PATCH_ZLIB, PATCH_ZSTD, RAW, XZ, ZLIB, ZSTD
from relstore.formats.patch import SEGMENT_BYTES, max_base_bytes

_LIKE = 0.46
"""The size compressed on its base, relative to the size compressed alone, when that was not measured."""


class PatchSample(NamedTuple):
    """What a patch of the content is like, for each byte of the content."""

    ratio: float
    """Bytes of its columns, compressed with zstd at level 3."""
    plain: float
    """Bytes of its columns before that."""
    fields: float
    covers: float
    indexing: float
    """Seconds that an index of few positions took, for each byte of the base."""
    finding: float
    """Seconds to find covers with that."""


class Sample(NamedTuple):
    """How a piece of the content compresses with zstd at level 3."""

    ratio: float
    """Compressed to plain, 0 to 1."""
    speed: float
    """Bytes of the content a second."""
    on_base: float | None = None
    """Compressed on its base, to plain; None when it was not measured."""
    patch: PatchSample | None = None
    """None when no patch can be made, or none is wanted."""


class Case(NamedTuple):
    """What there is to decide about."""

    size: int
    sample: Sample
    base: int
    """The size of a base that both sides have, 0 without one."""
    link: float
    """Bytes a second."""
    codecs: tuple[str, ...]
    """Those that the host can undo."""
    early: float = 0.0
    """Seconds until anything can be sent: work done before then costs no time."""


class Option(NamedTuple):
    """One way to send a content, with what it is expected to cost."""

    coding: Coding
    delta: bool
    seconds: float
    bytes: int

    def __str__(self) -> str:
        return f"{self.coding}{' on a base' if self.delta else ''}"


class _Plain(NamedTuple):
    """Relative to the sample: its speed, and an exponent of its ratio, since nothing makes noise smaller."""

    speed: float
    exponent: float


class _Delta(NamedTuple):
    """``prepared``: bytes of both files a second that are read in; ``size``: relative to the sample's."""

    prepared: float
    size: float


class _Patch(NamedTuple):
    """``size``: relative to the sample's; bytes a second that one thread makes, and that the host undoes."""

    size: float
    made: float
    undone: float


PLAIN = {
    Coding(ZSTD, 1): _Plain(1.3, 0.93),
    Coding(ZSTD, 3): _Plain(0.85, 1.0),
    Coding(ZSTD, 6): _Plain(0.31, 1.07),
    Coding(ZSTD, 9): _Plain(0.19, 1.10),
    Coding(ZSTD, 15): _Plain(0.02, 1.13),
    Coding(ZSTD, 19): _Plain(0.009, 1.2),
    Coding(XZ, 6): _Plain(0.011, 1.3),
    Coding(ZLIB, 1): _Plain(0.35, 0.84),
    Coding(ZLIB, 6): _Plain(0.11, 0.93),
}
DELTA = {
    Coding(ZSTD, 1): _Delta(950e6, 1.17),
    Coding(ZSTD, 3): _Delta(800e6, 1.17),
    Coding(ZSTD, 9): _Delta(300e6, 0.94),
    Coding(ZSTD, 19): _Delta(5e6, 0.7),
}
PATCH = {
    Coding(PATCH_ZSTD, 3): _Patch(0.92, 70e6, 2000e6),
    Coding(PATCH_ZSTD, 9): _Patch(0.86, 16e6, 2000e6),
    Coding(PATCH_LZMA, 0): _Patch(0.83, 6e6, 18e6),
    Coding(PATCH_LZMA, 1): _Patch(0.81, 3.8e6, 18e6),
    Coding(PATCH_LZMA, 6): _Patch(0.75, 0.7e6, 18e6),
    Coding(PATCH_ZLIB, 9): _Patch(0.90, 3e6, 50e6),
}

_SURE = 3.0
"""A compressor is quicker on a base as soon as less than a third differs."""

_SLOWEST = 300e6
"""Bytes a second of level 3 for what does not compress, when there is a base to compare it with."""

_INDEXING = 0.86e-9
"""What indexing took where the speeds of compressing columns were measured: others scale with it."""

_THREADS = 1.8
"""Two compress the columns of a patch."""

_INDEXED, _FOUND = 2.5, 2.2
"""The index for a patch takes so many times as long as that for a sample, and so does finding covers."""

_PATCH_START_S = 0.05
_INTERRUPTED = 3.0
"""Bytes that zstd needs for each field of a patch."""

_FIELD_S, _COVER_S, _ASSEMBLED = 0.4e-6, 3e-6, 1000e6
"""What a host takes for a field and a cover that the sample counts, of which a patch has more, and bytes a
second that it assembles."""

_UNDONE, _COPIED = 800e6, 4000e6
"""Bytes a second at which a host undoes zstd, and copies what is the same in the base."""

_CHUNK_BYTES = 256 * 1024

PATCH_LINK = 60e6
"""Bytes a second of a link on which undoing a patch takes longer than sending the content as it is."""

MAX_DELTA_BYTES = 512 * 1024 * 1024
"""For base and content together: a delta holds both in memory, with an index over them."""

_WORTH = 0.25
"""What bytes are worth, as an exponent: halving them is worth a sixth more time. Others use the link too."""

_TOLERATED = 1.05
"""But no more time than this, relative to the fastest way."""

_PLENTY = 30e6
"""From so many bytes a second on, bytes are worth nothing: there is enough for everybody."""

POINTLESS = 0.95
"""Compression that saves less than this is not worth the host's time."""


def options(case: Case) -> Iterator[Option]:
    """Every way to send the content."""
    yield Option(Coding(RAW, 0), False, case.size / case.link, case.size)
    for coding, plain in PLAIN.items():
        if coding.codec in case.codecs and case.sample.ratio < POINTLESS:
            yield _plain(case, coding, plain)
    if not case.base or case.base + case.size > MAX_DELTA_BYTES or _on_base(case) >= POINTLESS:
        return  # compressed already, and nothing like what was there before: .tar.gz, .zip, images
    for coding, delta in DELTA.items():
        if coding.codec in case.codecs:
            yield _delta(case, coding, delta)
    for coding, patch in PATCH.items():
        if case.sample.patch and coding.codec in case.codecs and case.base <= max_base_bytes(coding.codec):
            yield _patch(case, coding, patch, case.sample.patch)


def best(case: Case, *, compression: Coding | None = None, delta: bool | None = None) -> Option:
    """The fastest option, unless another takes little longer for far fewer bytes.

    ``compression`` and ``delta`` restrict it to what the person asked for, where such an option exists.
    """
    candidates = list(options(case))
    if delta is not None:
        candidates = [option for option in candidates if option.delta == delta] or candidates
    if compression is not None:
        candidates = [
            option for option in candidates if option.coding.codec == compression.codec
        ] or candidates
    if compression is not None and compression.level:
        candidates = [option._replace(coding=_at(option.coding, compression)) for option in candidates]
    fastest = min(option.seconds for option in candidates)
    worth = _WORTH if case.link < _PLENTY else 0.0
    return min(
        (option for option in candidates if option.seconds <= _TOLERATED * fastest),
        key=lambda option: option.seconds * max(option.bytes, 1) ** worth,
    )


def _plain(case: Case, coding: Coding, cost: _Plain) -> Option:
    count = int(case.size * case.sample.ratio**cost.exponent)
    seconds = _piped(case, _compressing(case, cost), count, case.size / _UNDONE, count / _CHUNK_BYTES)
    return Option(coding, False, seconds, count)


def _delta(case: Case, coding: Coding, cost: _Delta) -> Option:
    on_base = _on_base(case)
    count = int(case.size * on_base * _shrunk(cost.size, case.sample.ratio))
    # What does not compress alone is passed over at gigabytes a second, but not when there is a base.
    sample = case.sample if case.sample.ratio < POINTLESS else case.sample._replace(speed=_SLOWEST)
    share = min(_SURE * on_base / max(case.sample.ratio, on_base, 0.001), 1.0)
    making = share * _compressing(case._replace(sample=sample), PLAIN[coding])
    before = (case.base + case.size) / cost.prepared
    undoing = case.size * (share / _UNDONE + 1 / _COPIED)
    seconds = before + _piped(case, making, count, undoing, count / _CHUNK_BYTES)
    return Option(coding, True, seconds, count)


def _patch(case: Case, coding: Coding, cost: _Patch, sample: PatchSample) -> Option:
    machine = sample.indexing / _INDEXING
    shrunk = _shrunk(cost.size, sample.ratio / max(sample.plain, sample.ratio, 1e-9))
    count = int(case.size * sample.ratio * shrunk)
    matching = _PATCH_START_S + _INDEXED * sample.indexing * case.base + _FOUND * sample.finding * case.size
    making = machine * count / cost.made / _THREADS
    each = 1 / _ASSEMBLED + sample.fields * _FIELD_S + sample.covers * _COVER_S
    undoing = case.size * each + count / cost.undone
    before = max(matching - case.early, 0.0)
    seconds = before + _piped(case, making, count, undoing, case.size / SEGMENT_BYTES)
    return Option(coding, True, seconds, count)


def _shrunk(size: float, ratio: float) -> float:
    """A level's ``size`` for data of which zstd at level 3 leaves ``ratio``: no level makes noise smaller."""
    return 1 + (size - 1) * min(2 * (1 - ratio), 1.0)


def _compressing(case: Case, cost: _Plain) -> float:
    return case.size / (case.sample.speed * cost.speed)


def _piped(case: Case, making: float, count: int, undoing: float, chunks: float) -> float:
    """Seconds for steps that overlap as soon as the first chunk has gone through them."""
    steps = (making, count / case.link, undoing)
    first = 1 / max(chunks, 1.0)
    return first * sum(steps) + (1 - first) * max(steps)


def _on_base(case: Case) -> float:
    """Compressed on its base, to plain."""
    ratio, _, on_base, patch = case.sample
    if on_base is None:
        return _LIKE * ratio
    # The matcher finds what moved further than the compressor's sample looks; each field interrupts a match.
    return on_base if patch is None else min(on_base, patch.ratio + _INTERRUPTED * patch.fields)


def _at(coding: Coding, asked: Coding) -> Coding:
    return Coding(coding.codec, asked.level) if coding.codec == asked.codec else coding
