"""Receives the streams of one upload: decodes them, splits them into contents, and stages those.

When a stream fails, for whatever reason, its contents are lost but the upload goes on: what arrived of the
content is discarded, the rest of the stream is ignored, and ``failures`` says why, so that the client sends
it again in another way. Errors of the store itself (a full disk) are raised. Not for the codecs
(``decoders``).
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Optional, Union

from relstore import protocol
from relstore.errors import DamagedError, FormatError, NotFoundError, ProtocolError
from relstore.formats.codecs import ZSTD
from relstore.formats.manifest import ObjectRef
from relstore.formats.names import Digest
from relstore.host.upload import decoders
from relstore.host.upload.base_file import BaseFile
from relstore.host.upload.decoders import StreamDecoder
from relstore.store.objects import sha256_of
from relstore.store.upload import Upload

_OF_THE_STREAM = (FormatError, DamagedError, ProtocolError, NotFoundError, MemoryError)
_AGAIN_AT_ONCE = 1000


class Receiving:
    """Receives what ``upload`` needs. ``bases``: the objects that a stream may use as its base."""

    def __init__(self, upload: Upload, bases: Mapping[Digest, ObjectRef]) -> None:
        self._upload = upload
        self._bases = bases
        self._decoder: Optional[StreamDecoder] = None
        self._segments: Iterator[protocol.Segment] = iter(())
        self._segment: Optional[protocol.Segment] = None
        self._held = contextlib.ExitStack()
        self.failures: dict[int, str] = {}
        """By content, why it has to be sent again."""

    def open(self, request: protocol.Open) -> None:
        """Begin a stream, which ends the previous one."""
        self.end()
        self._segments = iter(request.segments)
        self._segment = next(self._segments, None)
        try:
            if any(segment.length <= 0 for segment in request.segments):
                raise ProtocolError("a segment without bytes")
            base = None if request.base is None else self._open_base(request.base, request.codec)
            size = sum(segment.length for segment in request.segments)
            self._decoder = decoders.decoder(request.codec, base, size)
            self._held.callback(self._decoder.close)
        except _OF_THE_STREAM as error:
            self._fail(error)

    @property
    def is_open(self) -> bool:
        """Whether a stream is open that wants more bytes. One that failed is not."""
        return self._decoder is not None and self._segment is not None

    def put(self, data: bytes) -> None:
        """The next bytes of the stream. Raises what the store raises."""
        if self._decoder is None:
            return
        try:
            for piece in self._decoder.decode(data):
                self._take(memoryview(piece))
        except _OF_THE_STREAM as error:
            self._fail(error)

    def end(self) -> None:
        """No more bytes of this stream will come."""
        if self._decoder is not None and self._segment is not None:
            self._fail(FormatError("its stream ended early"))
        self.close()

    def close(self) -> None:
        """Nothing more will come at all. What arrived of a content stays, so that it can be resumed."""
        self._decoder = None
        self._held.close()

    def again(self, damaged: Sequence[int]) -> tuple[protocol.Again, ...]:
        """Of the contents that are surveyed as ``damaged``, what to send again, and why."""
        again = []
        for index in damaged[:_AGAIN_AT_ONCE]:
            why = self.failures.get(index, "")
            if not why and self._upload.store.objects.has_any(self._upload.contents[index]):
                why = "its bytes in the store were damaged"
            again.append(protocol.Again(index, self._upload.offset(index), why or "it did not arrive"))
        return tuple(again)

    def _take(self, view: memoryview) -> None:
        while view:
            if self._segment is None:
                raise FormatError("more bytes than its segments announced")
            content, offset, length = self._segment
            taken = view[:length]
            self._upload.put(content, offset, taken)
            view = view[len(taken) :]
            left = length - len(taken)
            if left:
                self._segment = protocol.Segment(content, offset + len(taken), left)
            else:
                self._segment = next(self._segments, None)

    def _fail(self, error: Exception) -> None:
        content = -1 if self._segment is None else self._segment.content
        if 0 <= content < len(self._upload.contents) and content not in self._upload.received:
            self.failures[content] = str(error) or type(error).__name__
            self._upload.discard(content)
        self._segment = None
        self.close()

    def _open_base(self, base: Digest, codec: str) -> Union[memoryview, BaseFile]:
        """The verified bytes of an object of the store, until the stream ends."""
        ref = self._bases.get(base)
        if ref is None:
            raise ProtocolError("the client chose a base that was not offered")
        fd = self._upload.store.objects.open(ref)
        self._held.callback(os.close, fd)
        if sha256_of(fd) != ref.sha256:
            raise DamagedError(f"the base {base.short} is damaged in the store")
        return self._mapped(fd, ref.size) if codec == ZSTD else BaseFile(fd, ref.size)

    def _mapped(self, fd: int, size: int) -> memoryview:
        try:
            mmap = importlib.import_module("mmap")
        except ImportError:
            raise ProtocolError("this Python cannot map a base") from None
        # A private mapping, since ctypes can pass only a writable buffer to libzstd.
        mapped = self._held.enter_context(contextlib.closing(mmap.mmap(fd, size, mmap.MAP_PRIVATE)))
        view = memoryview(mapped)
        self._held.callback(view.release)
        return view
