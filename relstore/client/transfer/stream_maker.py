"""Where the streams of one push are made: each once, for all hosts that can use it.

Hosts that lack the same and have the same base are sent the same bytes; the first to need a stream decides
how it is made. The stream of the largest file is begun before any host has answered, when the last push tells
what it will be. Works in threads; not for sending (``upload``).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

from relstore.client.artifact.scan import Scan
from relstore.client.coding import RAW, ZSTD, Coding
from relstore.client.local_state.cache import MIN_BYTES
from relstore.client.transfer import stream_plan as transfer
from relstore.client.transfer import streams
from relstore.client.transfer.chunks import Chunk, Counted, Shared, plain
from relstore.client.transfer.encoders import encode
from relstore.client.transfer.patch_process import PatchOrder, PatchProcess
from relstore.client.transfer.stream_plan import Receiver, SendOptions, StreamPlan
from relstore.client.transfer.streams import Payload
from relstore.errors import ArtifactError
from relstore.formats.manifest import contents
from relstore.formats.names import AppName, Digest
from relstore.formats.patch import LZMA
from relstore.protocol import Base, Segment, Wanted

_CONNECTING_S = 0.4
"""How long it takes until a host can be sent anything: some round trips, and two programs to start."""

_LIKELY = (ZSTD, LZMA, RAW)
"""What a host can undo that has not answered yet."""

_MAX_BEGUN_BYTES = 256 * 1024 * 1024


class Made(NamedTuple):
    """A stream to send: the way it is made in the end, and its chunks."""

    way: StreamPlan
    chunks: Iterator[Chunk]


class _Asked(NamedTuple):
    """What is asked by one host as by another."""

    load: Payload
    codecs: tuple[str, ...]
    attempt: int


class _Order(NamedTuple):
    """What makes a stream the same as another."""

    segments: tuple[Segment, ...]
    coding: Coding
    base: Digest | None

    @classmethod
    def of(cls, way: StreamPlan) -> _Order:
        return cls(way.load.segments, way.option.coding, way.base.blake3 if way.base is not None else None)


class StreamMaker:
    """Makes the streams of ``scan``. ``close`` it when all is sent."""

    def __init__(self, how: SendOptions, app: AppName, scan: Scan) -> None:
        self.how = how
        self._app, self._scan = app, scan
        self._refs = contents(scan.manifest)
        self._lock = threading.Lock()
        self._ways: dict[_Asked, StreamPlan] = {}
        self._shared: dict[_Order, Shared] = {}
        self._makings: list[PatchProcess] = []
        self._begun: StreamPlan | None = None

    def begin(self, hosts: Sequence[str]) -> None:
        """Begin the stream of the largest file, if the last push and the links tell which it will be.

        It is only a help: what is wrong with the artifact is told when it is needed.
        """
        with suppress(ArtifactError):
            host, load = self._slowest(hosts), self._largest()
            if host is None or load is None:
                return
            sample = transfer.take_sample(self.how, load, self._refs, self._scan)
            way = transfer.way(self.how, load, sample, host, 0, _CONNECTING_S)
            if way.base is not None:
                self._begun = way
                shared = self._shared[_Order.of(way)] = Shared(self._chunks(way))
                shared.run_ahead()

    def ways(self, wanted: Sequence[Wanted], host: Receiver, attempt: int) -> list[StreamPlan]:
        """One way for each stream that ``host`` has to be sent, in the order to send them."""
        with self._lock:
            return [self._way(load, host, attempt) for load in streams.loads(wanted, self._refs)]

    def open(self, way: StreamPlan) -> Made:
        """Have a stream made, or get what was made already. It may take as long as a patch takes."""
        chunks = self._source(way)
        first = next(chunks, None)
        return Made(way, chain([first], chunks)) if first is not None else self.open(way.otherwise())

    def keep(self) -> None:
        """Put into the cache what may be the base of the next release. Never raises OSError."""
        for file in self._scan.manifest.files():
            ref = file.content
            if ref.size >= MIN_BYTES:
                self.how.cache.add(ref.blake3, self._scan.sources[ref.blake3], ref.size)
        self.how.cache.trim()
        self.how.recent.keep(self._app, self._scan.manifest)

    def close(self) -> None:
        """End what is still being made."""
        for making in self._makings:
            making.stop()
        for shared in self._shared.values():
            shared.close()

    def _slowest(self, hosts: Sequence[str]) -> Receiver | None:
        """The host with the slowest link, when all were sent to before."""
        speeds = {host: self.how.links.speed(host, self.how.hosts) for host in hosts}
        known = {host: speed for host, speed in speeds.items() if speed is not None}
        if len(known) < len(speeds):
            return None
        return Receiver(min(known, key=known.__getitem__), local=False, round_trip=None, codecs=_LIKELY)

    def _largest(self) -> Payload | None:
        """The largest file, if another content was pushed for it from here before."""
        file = max(self._scan.manifest.files(), key=lambda file: file.content.size)
        name = self.how.recent.get(self._app).get(file.path, file.content.blake3)
        if name == file.content.blake3 or file.content.size > _MAX_BEGUN_BYTES:
            return None
        segment = Segment(self._refs.index(file.content), 0, file.content.size)
        return Payload((segment,), (Base(name, self.how.cache.size(name)),))

    def _way(self, load: Payload, host: Receiver, attempt: int) -> StreamPlan:
        asked = _Asked(load, host.codecs, attempt)
        if asked not in self._ways:
            begun = self._begun
            if begun is not None and not attempt and begun.serves(load, host.codecs):
                way = begun
            else:
                sample = transfer.take_sample(self.how, load, self._refs, self._scan)
                way = transfer.way(self.how, load, sample, host, attempt)
            self._ways[asked] = way
        return self._ways[asked]

    def _source(self, way: StreamPlan) -> Iterator[Chunk]:
        order = _Order.of(way)
        with self._lock:
            if order not in self._shared:
                chunks = self._chunks(way)
                if self.how.hosts == 1:
                    return chunks
                self._shared[order] = Shared(chunks)
            return iter(self._shared[order])

    def _chunks(self, way: StreamPlan) -> Iterator[Chunk]:
        """Nothing when it cannot be made in this way."""
        if way.patched:
            yield from self._patch(way)
            return
        pieces = streams.pieces(way.load, self._refs, self._scan)
        if way.option.coding.codec == RAW:
            yield from plain(pieces)
            return
        base = self.how.cache.get(way.base.blake3) if way.base is not None else None
        if way.base is not None and base is None:
            return
        counted = Counted(pieces)
        for data in encode(way.option.coding, counted, way.load.size, base):
            yield Chunk(data, counted.take())

    def _patch(self, way: StreamPlan) -> Iterator[Chunk]:
        if way.base is None:
            return
        content, start, _ = way.load.segments[0]
        name = self._refs[content].blake3
        job = PatchOrder(way.base.blake3, name, self._scan.sources[name], way.option.coding, start)
        making = PatchProcess(job, self.how.cache)
        self._makings.append(making)
        yield from making.chunks()
