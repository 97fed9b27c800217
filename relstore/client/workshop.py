"""Where the streams of one push are made: each once, for all hosts that can use it.

Hosts that lack the same and have the same base are sent the same bytes; the first to need a stream has it
made, in the way that is best for it. A patch that is likely to be needed is begun before any host has
answered. Works in threads; not for sending (``upload``).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

from relstore.client import streams, transfer
from relstore.client.cache import MIN_BYTES
from relstore.client.chunks import Chunk, Counted, Shared, plain
from relstore.client.encoders import RAW, ZSTD, encode
from relstore.client.patching import Job, Making
from relstore.client.scan import Scan
from relstore.client.streams import Load
from relstore.client.transfer import Host, Transfer, Way
from relstore.errors import ArtifactError
from relstore.patch import LZMA
from relstore.protocol import Base, Segment, Wanted
from relstore.store.names import AppName
from relstore.store.upload import contents

_LIKELY = (ZSTD, LZMA, RAW)
"""What a host can undo that nothing is known of yet."""


class _Key(NamedTuple):
    """What makes a load of one host the same as one of another."""

    load: Load
    codecs: tuple[str, ...]
    attempt: int


class Made(NamedTuple):
    """A stream to send: the way it is made in the end, and its chunks."""

    way: Way
    chunks: Iterator[Chunk]


class _Kept(NamedTuple):
    way: Way
    shared: Shared


class Workshop:
    """Makes the streams of ``scan``. ``close`` it when all is sent."""

    def __init__(self, how: Transfer, app: AppName, scan: Scan) -> None:
        self.how = how
        self._app, self._scan = app, scan
        self._refs = contents(scan.manifest)
        self._lock = threading.Lock()
        self._ways: dict[_Key, Way] = {}
        self._kept: dict[Way, _Kept] = {}
        self._makings: dict[Job, Making] = {}

    def begin(self, hosts: Sequence[str]) -> None:
        """Begin the patch of the largest file, if the last push and the links say that one will be wanted.

        It is only a help: what is wrong with the artifact is told when it is needed.
        """
        with suppress(ArtifactError), self._lock:
            host, load = self._slowest(hosts), self._largest()
            if host is not None and load is not None:
                way = self._way(load, host, 0)
                if way.patched and way.base is not None:
                    self._making(way, way.base)

    def ways(self, wanted: Sequence[Wanted], host: Host, attempt: int) -> list[Way]:
        """One way for each stream that ``host`` has to be sent, in the order to send them."""
        with self._lock:
            return [self._way(load, host, attempt) for load in streams.loads(wanted, self._refs)]

    def open(self, way: Way) -> Made:
        """Have a stream made, or get what was made for another host. It may take as long as a patch takes."""
        with self._lock:
            if self.how.hosts == 1:
                return self._make(way)
            if way not in self._kept:
                made = self._make(way)
                self._kept[way] = _Kept(made.way, Shared(made.chunks))
            kept = self._kept[way]
            return Made(kept.way, iter(kept.shared))

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
        for making in self._makings.values():
            making.stop()
        for kept in self._kept.values():
            kept.shared.close()

    def _slowest(self, hosts: Sequence[str]) -> Host | None:
        """The host with the slowest link, when all were sent to before."""
        speeds = {host: self.how.links.speed(host, self.how.hosts) for host in hosts}
        known = {host: speed for host, speed in speeds.items() if speed is not None}
        if len(known) < len(speeds):
            return None
        return Host(min(known, key=known.__getitem__), local=False, round_trip=None, codecs=_LIKELY)

    def _largest(self) -> Load | None:
        """The largest file that another content was pushed for from here before."""
        recent = self.how.recent.get(self._app)
        files = [file for file in self._scan.manifest.files() if file.path in recent]
        file = max(files, key=lambda file: file.content.size, default=None)
        if file is None or recent[file.path] == file.content.blake3:
            return None
        base = Base(recent[file.path], self.how.cache.size(recent[file.path]))
        return Load((Segment(self._refs.index(file.content), 0, file.content.size),), (base,))

    def _way(self, load: Load, host: Host, attempt: int) -> Way:
        key = _Key(load, host.codecs, attempt)
        if key not in self._ways:
            sample = transfer.take_sample(load, self._refs, self._scan)
            begun = self._begun(load)
            age = self._makings[begun].age if begun is not None else 0.0
            way = transfer.way(self.how, load, sample, host, attempt, age)
            if begun is not None and way.patched:
                way = way.with_coding(begun.coding)
            self._ways[key] = way
        return self._ways[key]

    def _begun(self, load: Load) -> Job | None:
        first, bases = load.segments[0], {base.blake3 for base in load.bases}
        content = self._refs[first.content].blake3
        for job in self._makings:
            if (job.content, job.start) == (content, first.offset) and job.base in bases:
                return job
        return None

    def _make(self, way: Way) -> Made:
        if way.patched and way.base is not None:
            chunks = self._making(way, way.base).chunks()
            first = next(chunks, None)
            if first is None:
                return self._make(way.without_patch())
            return Made(way, chain([first], chunks))
        pieces = streams.pieces(way.load, self._refs, self._scan)
        if way.option.coding.codec == RAW:
            return Made(way, plain(pieces))
        base = None if way.base is None else self.how.cache.get(way.base.blake3)
        return Made(way if base is not None else way.without_base(), _encoded(way, pieces, base))

    def _making(self, way: Way, base: Base) -> Making:
        first = way.load.segments[0]
        content = self._refs[first.content].blake3
        job = Job(base.blake3, content, self._scan.sources[content], way.option.coding, first.offset)
        if job not in self._makings:
            self._makings[job] = Making(job, self.how.cache)
        return self._makings[job]


def _encoded(way: Way, pieces: Iterator[bytes], base: bytes | None) -> Iterator[Chunk]:
    counted = Counted(pieces)
    for data in encode(way.option.coding, counted, way.load.size, base):
        yield Chunk(data, counted.take())
