"""Makes the streams of one push: each once, for all hosts that can use it.

Hosts that lack the same contents and have the same base get the same bytes; the first host to need a stream
decides how it is made. The stream of the largest file begins before any host has answered, when the last push
tells what it will be. Works in threads. Not for sending (``upload``).
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

from relstore.client.artifact.scan import Scan
from relstore.client.coding import Coding
from relstore.client.origin.origin import Origin
from relstore.client.transfer import patch_process, stream_plan, streams
from relstore.client.transfer.chunks import Chunk, Counted, Shared, plain
from relstore.client.transfer.cost_model import Sample
from relstore.client.transfer.encoders import encode
from relstore.client.transfer.patch_process import PatchOrder, PatchProcess
from relstore.client.transfer.sampling import take_sample
from relstore.client.transfer.send_options import SendOptions
from relstore.client.transfer.stream_plan import Receiver, StreamPlan
from relstore.client.transfer.streams import Payload
from relstore.client.transfer.upload_turns import UploadTurns
from relstore.errors import ArtifactError
from relstore.formats.codecs import PATCH_LZMA, PATCH_ZSTD, RAW, ZSTD
from relstore.formats.manifest import contents
from relstore.formats.names import AppName, Digest
from relstore.protocol import Base, Segment, Wanted

_CONNECTING_S = 0.4
"""Seconds until anything can be sent to a host: some round trips, and two programs that start."""

_LIKELY = (ZSTD, PATCH_ZSTD, PATCH_LZMA, RAW)
"""What a host that has not answered yet can most likely undo."""

_MAX_BEGUN_BYTES = 256 * 1024 * 1024


class Made(NamedTuple):
    """A stream to send: the plan that it was made by in the end, and its chunks."""

    plan: StreamPlan
    chunks: Iterator[Chunk]


class _Need(NamedTuple):
    """What two hosts that get the same plan have in common."""

    payload: Payload
    codecs: tuple[str, ...]
    attempt: int


class _Order(NamedTuple):
    """What makes a stream the same as another."""

    segments: tuple[Segment, ...]
    coding: Coding
    base: Digest | None

    @classmethod
    def of(cls, plan: StreamPlan) -> _Order:
        return cls(
            plan.payload.segments, plan.option.coding, plan.base.blake3 if plan.base is not None else None
        )


class StreamMaker:
    """Makes the streams of ``scan``. ``close`` it when everything has been sent."""

    def __init__(self, options: SendOptions, app: AppName, scan: Scan, order: Sequence[str] = ()) -> None:
        """``order``: the labels of the hosts, those that are sent to first in front."""
        self.options = options
        self.turns = UploadTurns(order)
        self._app, self._scan = app, scan
        self._refs = contents(scan.manifest)
        self._lock = threading.Lock()
        self._plans: dict[_Need, StreamPlan] = {}
        self._shared: dict[_Order, Shared] = {}
        self._processes: list[PatchProcess] = []
        self._begun: StreamPlan | None = None
        self.origin = Origin(options.origin) if options.origin is not None else None
        self._said = False

    def begin(self, hosts: Sequence[str]) -> None:
        """Begin the stream of the largest file, if the last push and the links tell which it will be.

        Only a head start: an error in the artifact is raised when the stream is needed.
        """
        with suppress(ArtifactError):
            host, payload = self._slowest(hosts), self._largest()
            if host is None or payload is None:
                return
            sample = self._sample(payload, host)
            plan = stream_plan.choose(self.options, payload, sample, host, 0, _CONNECTING_S)
            if plan.base is not None:
                self._begun = plan
                shared = self._shared[_Order.of(plan)] = Shared(self._chunks(plan))
                shared.run_ahead()

    def plans(self, wanted: Sequence[Wanted], host: Receiver, attempt: int) -> list[StreamPlan]:
        """A plan for each stream that ``host`` needs, in the order to send them."""
        with self._lock:
            return [self._plan(payload, host, attempt) for payload in streams.payloads(wanted, self._refs)]

    def notice(self, host: Receiver, plans: Sequence[StreamPlan]) -> str:
        """What a person should know about how this push is sent, once for all hosts; mostly empty."""
        with self._lock:
            said = "" if self._said else stream_plan.without_matcher(self.options, host, plans)
            self._said = self._said or bool(said)
        return said

    def open(self, plan: StreamPlan) -> Made:
        """Have a stream made, or get what was made already. May take as long as a patch takes to make."""
        chunks = self._source(plan)
        first = next(chunks, None)
        return Made(plan, chain([first], chunks)) if first is not None else self.open(plan.otherwise())

    def identity(self, plan: StreamPlan) -> Hashable:
        """The same for two plans whose streams are the same."""
        return _Order.of(plan)

    def read(self, plan: StreamPlan) -> Iterator[bytes]:
        """The bytes of a stream that can be made."""
        return (chunk.data for chunk in self._source(plan))

    def close(self) -> None:
        """Stop what is still being made."""
        for process in self._processes:
            process.stop()
        for shared in self._shared.values():
            shared.close()
        self.turns.close()

    def _slowest(self, hosts: Sequence[str]) -> Receiver | None:
        """The host with the slowest link, when the speed of every link is known."""
        speeds = {host: self.options.links.speed(host, self.options.hosts) for host in hosts}
        known = {host: speed for host, speed in speeds.items() if speed is not None}
        if len(known) < len(speeds):
            return None
        return Receiver(min(known, key=known.__getitem__), local=False, round_trip=None, codecs=_LIKELY)

    def _largest(self) -> Payload | None:
        """The largest file, if this machine has pushed another content for it before."""
        file = max(self._scan.manifest.files(), key=lambda file: file.content.size)
        name = self.options.recent.get(self._app).get(file.path, file.content.blake3)
        if name == file.content.blake3 or file.content.size > _MAX_BEGUN_BYTES:
            return None
        segment = Segment(self._refs.index(file.content), 0, file.content.size)
        return Payload((segment,), (Base(name, self.options.cache.size(name)),))

    def _plan(self, payload: Payload, host: Receiver, attempt: int) -> StreamPlan:
        need = _Need(payload, host.codecs, attempt)
        if need not in self._plans:
            begun = self._begun
            if begun is not None and not attempt and begun.serves(payload, host.codecs):
                plan = begun
            else:
                sample = self._sample(payload, host)
                plan = stream_plan.choose(self.options, payload, sample, host, attempt)
            self._plans[need] = plan
        return self._plans[need]

    def _sample(self, payload: Payload, host: Receiver) -> Sample:
        base = stream_plan.base_of(self.options, payload)
        patch = patch_process.available() and stream_plan.patch_wanted(self.options, payload, host)
        return take_sample(self.options.cache, payload, base, self._refs, self._scan, patch=patch)

    def _source(self, plan: StreamPlan) -> Iterator[Chunk]:
        order = _Order.of(plan)
        with self._lock:
            if order not in self._shared:
                chunks = self._chunks(plan)
                if self.options.hosts == 1 and self.origin is None:
                    return chunks
                self._shared[order] = Shared(chunks)
            return iter(self._shared[order])

    def _chunks(self, plan: StreamPlan) -> Iterator[Chunk]:
        """The stream; nothing when it cannot be made by this plan."""
        if plan.patched:
            yield from self._patch(plan)
            return
        pieces = streams.pieces(plan.payload, self._refs, self._scan)
        if plan.option.coding.codec == RAW:
            yield from plain(pieces)
            return
        base = self.options.cache.get(plan.base.blake3) if plan.base is not None else None
        if plan.base is not None and base is None:
            return
        counted = Counted(pieces)
        for data in encode(plan.option.coding, counted, plan.payload.size, base):
            yield Chunk(data, counted.take())

    def _patch(self, plan: StreamPlan) -> Iterator[Chunk]:
        if plan.base is None:
            return
        content, start, _ = plan.payload.segments[0]
        name = self._refs[content].blake3
        order = PatchOrder(plan.base.blake3, name, self._scan.sources[name], plan.option.coding, start)
        process = PatchProcess(order, self.options.cache)
        self._processes.append(process)
        yield from process.chunks()
