"""What is missing, as streams: each large content alone, the largest first; small ones many together.

Pure, except for reading the artifact's files, which happens while a stream is encoded. Not for how a stream
is encoded (``encoders``) nor which option is best (``cost_model``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from relstore import protocol
from relstore.client.artifact.read_file import changed, open_regular
from relstore.client.artifact.scan import Scan
from relstore.errors import ArtifactError, ProtocolError
from relstore.formats.manifest import ObjectRef
from relstore.protocol import Base, Wanted

LARGE_BYTES = 256 * 1024
"""A content of this size or more has a stream of its own."""

_SEGMENTS = 1000
_TOGETHER_BYTES = 16 * 1024 * 1024
_READ_BYTES = 256 * 1024


class Payload(NamedTuple):
    """What one stream carries."""

    segments: tuple[protocol.Segment, ...]
    bases: tuple[Base, ...]
    """Similar objects on the host, for a stream of one content; empty for several contents."""

    @property
    def size(self) -> int:
        """Bytes of the artifact."""
        return sum(segment.length for segment in self.segments)


def payloads(wanted: Sequence[Wanted], refs: Sequence[ObjectRef]) -> list[Payload]:
    """The payloads for what is wanted, in the order in which they are sent."""
    large = sorted(
        (item for item in wanted if refs[item.content].size >= LARGE_BYTES),
        key=lambda item: refs[item.content].size,
        reverse=True,
    )
    done = [Payload((_rest(item, refs),), item.bases) for item in large]
    together: list[protocol.Segment] = []
    size = 0
    for item in wanted:
        if refs[item.content].size >= LARGE_BYTES:
            continue
        together.append(_rest(item, refs))
        size += together[-1].length
        if size >= _TOGETHER_BYTES or len(together) == _SEGMENTS:
            done.append(Payload(tuple(together), ()))
            together, size = [], 0
    if together:
        done.append(Payload(tuple(together), ()))
    return done


def pieces(payload: Payload, refs: Sequence[ObjectRef], scan: Scan) -> Iterator[bytes]:
    """The bytes of a payload, piece by piece. ArtifactError when a file is not what was scanned."""
    for content, offset, length in payload.segments:
        ref = refs[content]
        yield from _read(scan.sources[ref.blake3], ref, offset, length)


def check(wanted: Sequence[Wanted], refs: Sequence[ObjectRef]) -> list[Wanted]:
    """``wanted``, if the host asks only for contents of this build, each once. Raises ProtocolError."""
    seen: set[int] = set()
    for item in wanted:
        inside = 0 <= item.content < len(refs) and 0 <= item.offset < refs[item.content].size
        if not inside or item.content in seen:
            raise ProtocolError("the host asks for bytes that the build does not have")
        seen.add(item.content)
    return list(wanted)


def _rest(item: Wanted, refs: Sequence[ObjectRef]) -> protocol.Segment:
    return protocol.Segment(item.content, item.offset, refs[item.content].size - item.offset)


def _read(source: str, ref: ObjectRef, offset: int, length: int) -> Iterator[bytes]:
    try:
        with open(source, "rb", buffering=0, opener=open_regular) as file:
            file.seek(offset)
            yield from _exactly(file, length, source)
            if offset + length == ref.size and file.read(1):
                raise changed(source)
    except OSError as error:
        raise ArtifactError(
            f"{source}: {error.strerror}", path=source, state="Nothing was changed on the host."
        ) from None


def _exactly(file: BinaryIO, count: int, source: str) -> Iterator[bytes]:
    while count:
        piece = file.read(min(_READ_BYTES, count))
        if not piece:
            raise changed(source)
        count -= len(piece)
        yield piece
