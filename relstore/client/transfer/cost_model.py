"""Which codec, at which level, with or without a base: whichever gets the content to the host soonest. Pure.

The time is the longer of making and sending, which overlap, plus what comes before the first byte. What can
be measured is: the link by earlier pushes, the content by compressing a sample. The rest are ratios between
levels, measured on real programs; docs/decisions says on which.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from relstore.client.coding import Coding
from relstore.formats.codecs import PATCH_LZMA, PATCH_ZLIB, RAW, XZ, ZLIB, ZSTD
from relstore.formats.patch import MAX_BASE_BYTES

_LIKE = 0.46
"""Of a rebuilt program: the size compressed on its previous build, relative to the size compressed alone."""


class Sample(NamedTuple):
    """How a piece of the content compresses with zstd at level 3."""

    ratio: float
    """Compressed to plain, 0 to 1."""
    speed: float
    """Bytes of the content a second."""
    likeness: float = _LIKE
    """Size on the base relative to size alone, both compressed, 0 to 1; the usual value without a base."""


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
    patch: bool = False
    """Whether a patch can be made here."""
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


class _Cost(NamedTuple):
    """Relative to zstd at level 3 without a base."""

    speed: float
    size: float
    """Without a base, an exponent of the sample's ratio (nothing shrinks what is incompressible); with one, a
    factor of it, for contents that are as similar to their base as usual."""


_PLAIN = {
    Coding(ZSTD, 1): _Cost(1.7, 0.91),
    Coding(ZSTD, 3): _Cost(1.0, 1.0),
    Coding(ZSTD, 6): _Cost(0.4, 1.06),
    Coding(ZSTD, 9): _Cost(0.22, 1.10),
    Coding(ZSTD, 12): _Cost(0.12, 1.11),
    Coding(ZSTD, 15): _Cost(0.05, 1.15),
    Coding(ZSTD, 19): _Cost(0.012, 1.29),
    Coding(XZ, 6): _Cost(0.011, 1.35),
    Coding(ZLIB, 1): _Cost(0.35, 0.84),
    Coding(ZLIB, 6): _Cost(0.11, 0.93),
}
_DELTA = {
    Coding(ZSTD, 1): _Cost(1.3, 0.50),
    Coding(ZSTD, 3): _Cost(0.9, 0.46),
    Coding(ZSTD, 9): _Cost(0.20, 0.40),
    Coding(ZSTD, 19): _Cost(0.006, 0.27),
}

_PATCH = {
    Coding(PATCH_LZMA, 0): _Cost(0.28, 0.224),
    Coding(PATCH_LZMA, 1): _Cost(0.20, 0.22),
    Coding(PATCH_LZMA, 4): _Cost(0.13, 0.205),
    Coding(PATCH_LZMA, 6): _Cost(0.10, 0.20),
    Coding(PATCH_ZLIB, 9): _Cost(0.10, 0.25),
}

_MATCH_SPEED = 0.35
"""The speed of finding what base and content have in common, relative to zstd at level 3."""

_MATCH_START_S = 0.3
_PATCHED_SPEED = 40e6
"""Bytes a second at which a host undoes a patch."""

_BASE_SPEED = 400e6
"""Bytes of a base that both sides together prepare in a second."""

_UNDONE_SPEED = 300e6
"""Bytes a second at which a host is assumed to undo any codec."""

MAX_DELTA_BYTES = 512 * 1024 * 1024
"""For base and content together: a delta holds both in memory, with an index over them."""

_WORTH = 0.25
"""What bytes are worth, as an exponent: halving them is worth a sixth more time. Others use the link too."""

_PLENTY = 30e6
"""From so many bytes a second on, bytes are worth nothing: there is enough for everybody."""

POINTLESS = 0.95
"""Compression that saves less than this is not worth the host's time."""

_SKIPPED = 10
"""zstd at level 3 is so many times as fast where nothing compresses. Other levels and differences are not."""


def options(case: Case) -> Iterator[Option]:
    """Every way to send the content."""
    yield Option(Coding(RAW, 0), False, case.size / case.link, case.size)
    for coding, cost in _PLAIN.items():
        if coding.codec in case.codecs and case.sample.ratio < POINTLESS:
            yield _option(case, coding, cost, delta=False)
    if not case.base or case.base + case.size > MAX_DELTA_BYTES:
        return
    if case.sample.ratio >= POINTLESS:
        if case.sample.likeness >= POINTLESS:
            return  # compressed already, and nothing like what was there before: .tar.gz, .zip, images
        case = case._replace(sample=case.sample._replace(speed=case.sample.speed / _SKIPPED))
    for coding, cost in _DELTA.items():
        if coding.codec in case.codecs:
            yield _option(case, coding, cost, delta=True)
    if case.patch and case.base + case.size <= MAX_BASE_BYTES:
        for coding, cost in _PATCH.items():
            if coding.codec in case.codecs:
                yield _patch(case, coding, cost)


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
    worth = _WORTH if case.link < _PLENTY else 0.0
    return min(candidates, key=lambda option: option.seconds * max(option.bytes, 1) ** worth)


def _option(case: Case, coding: Coding, cost: _Cost, *, delta: bool) -> Option:
    ratio = case.sample.ratio * cost.size * _unlike(case) ** 0.5 if delta else case.sample.ratio**cost.size
    count = int(case.size * ratio)
    making = case.size / (case.sample.speed * cost.speed)
    before = case.base / _BASE_SPEED if delta else 0.0
    seconds = before + max(making, count / case.link, case.size / _UNDONE_SPEED)
    return Option(coding, delta, seconds, count)


def _patch(case: Case, coding: Coding, cost: _Cost) -> Option:
    count = int(case.size * case.sample.ratio * cost.size * _unlike(case))
    matching = _MATCH_START_S + (case.base + case.size) / (case.sample.speed * _MATCH_SPEED)
    making = case.size / (case.sample.speed * cost.speed)
    matching = max(matching - case.early, 0.0)
    sending = max(making, count / case.link, case.size / _PATCHED_SPEED)
    return Option(coding, True, matching + sending, count)


def _unlike(case: Case) -> float:
    """How much more differs than usual, as a factor.

    A patch scales with it, a prefix delta with its square root: the likeness of uv, ruff and esbuild is 0.43,
    0.64 and 0.26; relative to compressing them alone, their patches are 0.20, 0.32 and 0.11, their prefix
    deltas 0.42, 0.54 and 0.38.
    """
    return case.sample.likeness / _LIKE


def _at(coding: Coding, asked: Coding) -> Coding:
    return Coding(coding.codec, asked.level) if coding.codec == asked.codec else coding
