"""Where the client gets patches from: a process that makes them, or the cache.

The process may give up, run out of memory or be killed; then there is no patch, and the content is sent
without one. Not for what a patch is (``formats.patch``), nor for making it (``delta``).
"""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
from collections.abc import Iterator
from typing import IO, NamedTuple

from relstore.client.coding import Coding
from relstore.client.local_state.cache import Cache
from relstore.client.transfer.chunks import Chunk
from relstore.formats.names import Digest
from relstore.formats.patch import HEAD_BYTES, SEGMENT_HEAD_BYTES, Head, SegmentHead

_MAKER = (sys.executable, "-P", "-m", "relstore.client.transfer.delta")


class PatchOrder(NamedTuple):
    """A patch that is wanted."""

    base: Digest
    content: Digest
    source: str
    """Where the bytes of the content are."""
    coding: Coding
    start: int
    """The byte of the content to begin with."""


def available() -> bool:
    """Whether patches can be made here: not every installation has the compiled matcher."""
    return bool(importlib.import_module("relstore.client.transfer.delta.matcher").available())


class PatchProcess:
    """A patch that is being made. Ask for ``chunks`` once; always ``stop`` it at the end."""

    def __init__(self, order: PatchOrder, cache: Cache) -> None:
        """Starts the process, unless the cache has the patch."""
        self._order, self._cache = order, cache
        self._kept = cache.get_patch(order.base, order.content, order.coding) if not order.start else None
        self._process: subprocess.Popen[bytes] | None = None
        if self._kept is None and cache.get(order.base) is not None:
            arguments = [
                cache.content_path(order.base),
                order.source,
                order.coding.codec,
                order.coding.level,
                order.start,
            ]
            self._process = subprocess.Popen(
                [*_MAKER, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )

    def chunks(self) -> Iterator[Chunk]:
        """The patch, part by part as it is made; nothing when there is none. Blocks."""
        if self._kept is not None:
            yield from _parts(io.BytesIO(self._kept))
        elif self._process is not None and self._process.stdout is not None:
            parts = []
            with self._process.stdout as output:
                for chunk in _parts(output):
                    parts.append(chunk.data)
                    yield chunk
            if self._process.wait() == 0 and not self._order.start:
                self._cache.add_patch(
                    self._order.base, self._order.content, self._order.coding, b"".join(parts)
                )

    def stop(self) -> None:
        """End the process if it still runs; whoever reads its chunks gets no more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _parts(file: IO[bytes]) -> Iterator[Chunk]:
    """The head and the segments of a patch, as far as they are complete."""
    kind: type[Head | SegmentHead] = Head
    size = HEAD_BYTES
    while len(raw := file.read(size)) == size:
        begin = kind.parse(raw)
        length = sum(begin.sizes)
        columns = file.read(length)
        if len(columns) < length:
            return
        yield Chunk(raw + columns, begin.size if isinstance(begin, SegmentHead) else 0)
        kind, size = SegmentHead, SEGMENT_HEAD_BYTES
