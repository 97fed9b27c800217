"""How the contents of one push are sent: for each stream the way that ``cost_model`` finds best.

Knows what the person wants, how fast links are, and which bases the cache has. Not for making streams
(``stream_maker``), nor for sending them (``upload``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from relstore import protocol
from relstore.client.artifact.scan import Scan
from relstore.client.coding import RAW, ZSTD, Coding
from relstore.client.local_state.cache import Cache
from relstore.client.local_state.last_push import Recent
from relstore.client.local_state.link_speeds import LOCAL, SSH, Links, guess
from relstore.client.transfer import cost_model as choice
from relstore.client.transfer import patch_process as patching
from relstore.client.transfer import streams
from relstore.client.transfer.cost_model import Case, Option, Sample
from relstore.client.transfer.encoders import encode, zstd_module
from relstore.client.transfer.streams import Payload
from relstore.formats.manifest import ObjectRef
from relstore.protocol import Base

_SAMPLE_BYTES = 1024 * 1024
_SAMPLE_TIMES = 3
_NEAR_BYTES = 8 * _SAMPLE_BYTES
"""What moved further from one release to the next is not found; it seldom does, by a share of the whole."""
_NOT_WORTH_BYTES = 10 * 1448
"""What TCP sends at once, without waiting for anything (RFC 6928), need not be smaller."""
_FIRST, _WHOLE = 0, 1


@dataclass(frozen=True)
class SendOptions:
    """What one push sends by. ``compression`` and ``delta``: None leaves it to the choice."""

    cache: Cache
    links: Links
    recent: Recent
    compression: Coding | None = None
    delta: bool | None = None
    hosts: int = 1
    """How many are sent to at the same time, over one uplink as far as we know."""


@dataclass(frozen=True)
class Receiver:
    """What matters of a host: its name, whether it is this machine, and what it can undo."""

    label: str
    local: bool
    round_trip: float | None
    """Seconds; None when it is not known."""
    codecs: tuple[str, ...]


@dataclass(frozen=True)
class StreamPlan:
    """How one load is sent."""

    load: Payload
    option: Option
    base: Base | None
    reason: str
    """What the choice was made by."""
    instead: Option
    """The best one that is no patch: that may turn out not to be had."""

    @property
    def patched(self) -> bool:
        """Whether it is sent as a patch."""
        return self.option.coding.codec in patching.CODECS

    @property
    def opening(self) -> protocol.Open:
        """The message that its stream begins with."""
        base = self.base.blake3 if self.base is not None else None
        return protocol.Open(self.option.coding.codec, base, self.load.segments)

    def describe(self) -> str:
        """One line for people: what is sent, how, and why so."""
        count = len(self.load.segments)
        what = f"{count} contents" if count > 1 else "1 content"
        return f"{what} of {self.load.size} bytes as {self.option} ({self.reason})"

    def serves(self, load: Payload, codecs: tuple[str, ...]) -> bool:
        """Whether another load can be sent in this way as well."""
        return (
            self.load.segments == load.segments
            and self.base in load.bases
            and self.option.coding.codec in codecs
        )

    def otherwise(self) -> StreamPlan:
        """The way to send it when it cannot be made in this one: without a patch, then without a base."""
        if self.patched:
            return replace(self, option=self.instead, base=self.base if self.instead.delta else None)
        return replace(self, option=self.option._replace(delta=False), base=None)


def way(
    transfer: SendOptions, load: Payload, sample: Sample, host: Receiver, attempt: int, early: float = 0.0
) -> StreamPlan:
    """The best one; the second attempt uses no base, the third no codec either.

    ``early``: seconds until anything can be sent.
    """
    base = _base(transfer, load)
    if attempt != _FIRST or transfer.delta is False:
        base = None
    raw = attempt > _WHOLE or load.size < _NOT_WORTH_BYTES
    case = Case(
        load.size,
        sample,
        base.size if base is not None else 0,
        link(transfer, host),
        (RAW,) if raw else host.codecs,
        patching.available(),
        early,
    )
    compression = None if raw else transfer.compression
    option = choice.best(case, compression=compression, delta=transfer.delta)
    instead = choice.best(case._replace(patch=False), compression=compression, delta=transfer.delta)
    reason = (
        f"link {case.link / 1e6:.1f} MB/s, sample {sample.ratio:.2f} at {sample.speed / 1e6:.0f} MB/s, "
        f"expected {option.bytes} bytes in {option.seconds:.2f} s"
    )
    return StreamPlan(load, option, base if option.delta else None, reason, instead)


def link(transfer: SendOptions, host: Receiver) -> float:
    """Bytes a second that one host of them all gets, as far as we know."""
    if host.local:
        return LOCAL
    speed = transfer.links.speed(host.label, transfer.hosts)
    if speed is None:
        speed = guess(host.round_trip) / transfer.hosts
    return min(speed, SSH / transfer.hosts)


def _base(transfer: SendOptions, load: Payload) -> Base | None:
    """The first of those that may be like it that is here too."""
    return next((base for base in load.bases if transfer.cache.has(base.blake3, base.size)), None)


def take_sample(transfer: SendOptions, load: Payload, refs: Sequence[ObjectRef], scan: Scan) -> Sample:
    """Compress about a MiB from the middle, a few times: the first is slower, with cold caches."""
    middle = load
    first = load.segments[0]
    if len(load.segments) == 1 and first.length > _SAMPLE_BYTES:
        offset = first.offset + (first.length - _SAMPLE_BYTES) // 2
        middle = Payload((protocol.Segment(first.content, offset, _SAMPLE_BYTES),), ())
    data = bytearray()
    for piece in streams.pieces(middle, refs, scan):
        data += piece
        if len(data) >= _SAMPLE_BYTES:
            break
    zstd_module()  # what loading it takes is not the machine's speed
    seconds = []
    for _ in range(_SAMPLE_TIMES):
        began = time.thread_time()
        count = sum(map(len, encode(Coding(ZSTD, 3), [bytes(data)], len(data))))
        seconds.append(max(time.thread_time() - began, 1e-6))
    sample = Sample(min(count / max(len(data), 1), 1.0), len(data) / min(seconds))
    near = _near_the_middle(transfer, load)
    if not near or not count:
        return sample
    on_base = sum(map(len, encode(Coding(ZSTD, 3), [bytes(data)], len(data), near)))
    return sample._replace(likeness=min(on_base / count, 1.0))


def _near_the_middle(transfer: SendOptions, load: Payload) -> bytes:
    """A few MiB around the middle of the base, not proved; nothing where there is none."""
    base = _base(transfer, load)
    if base is None:
        return b""
    try:
        with open(transfer.cache.place(base.blake3), "rb") as file:
            file.seek(max((base.size - _NEAR_BYTES) // 2, 0))
            return file.read(_NEAR_BYTES)
    except OSError:
        return b""
