"""Sending what a host lacks of a build: probe, begin, put, publish.

Contents go one after the other in frames of many small ones or of a piece of a large one, without
waiting for anything in between; memory stays at one frame. Not for activation (``release``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from relstore import framing, protocol
from relstore.client.reporter import Reporter
from relstore.client.scan import Scan
from relstore.client.session import Session
from relstore.errors import ArtifactError, FormatError, ProtocolError
from relstore.store import pack
from relstore.store.manifest import ObjectRef
from relstore.store.upload import Missing, contents

_MAX_SEGMENTS = 1000
_ROUNDS = 3


async def begin(session: Session, scan: Scan, *, allow_outside_links: bool) -> list[Missing]:
    """Start the upload; what the host lacks."""
    request = protocol.Begin(scan.build, allow_outside_links)
    reply, body = await session.ask(request, protocol.Begun, scan.raw)
    missing = _parse_missing(body, contents(scan.manifest))
    if len(missing) != reply.missing:
        raise ProtocolError("the host contradicts itself about what it lacks").on(session.label)
    return missing


async def send(session: Session, scan: Scan, missing: Sequence[Missing], reporter: Reporter) -> int:
    """Put what is missing, publish; again for what the host found damaged. The bytes sent."""
    refs = contents(scan.manifest)
    sent = 0
    for _ in range(_ROUNDS):
        total = sum(refs[item.content].size - item.offset for item in missing)
        done = 0
        for segments, body in _packed(missing, refs, scan):
            await session.send(protocol.Put(tuple(segments)), body)
            await session.check_early()
            done += len(body)
            reporter.progress(session.label, done, total)
        sent += done
        reply, _ = await session.ask(protocol.Publish(), protocol.Published)
        if not reply.damaged:
            return sent
        reporter.notice(
            f"{session.label}: {len(reply.damaged)} objects in the store were damaged; sending them anew."
        )
        missing = _checked([Missing(again.content, 0) for again in reply.damaged], refs)
    raise ProtocolError(
        "the host keeps finding its objects damaged",
        state="Nothing was changed.",
        hint="Look at its disk; `relstore verify` lists what is wrong.",
    ).on(session.label)


def _packed(
    missing: Sequence[Missing], refs: Sequence[ObjectRef], scan: Scan
) -> Iterator[tuple[list[protocol.Segment], bytes]]:
    """Bodies of at most one data frame, with the segments that they hold."""
    segments: list[protocol.Segment] = []
    body = bytearray()
    for item in missing:
        ref = refs[item.content]
        offset = item.offset
        for piece in _pieces(scan.sources[ref.blake3], ref, offset):
            while piece:
                room = framing.DATA_BYTES - len(body)
                taken, piece = piece[:room], piece[room:]
                segments.append(protocol.Segment(item.content, offset, len(taken)))
                body += taken
                offset += len(taken)
                if len(body) == framing.DATA_BYTES or len(segments) == _MAX_SEGMENTS:
                    yield segments, bytes(body)
                    segments, body = [], bytearray()
    if segments:
        yield segments, bytes(body)


def _pieces(source: Path, ref: ObjectRef, offset: int) -> Iterator[bytes]:
    """The bytes of a content from ``offset``. ArtifactError when the file is not what was scanned."""
    changed = ArtifactError(
        f"{source} changed while it was being pushed",
        state="Nothing was changed on the host.",
        hint="Push again when the build has finished.",
    )
    try:
        with open(source, "rb") as file:
            file.seek(offset)
            yield from _exactly(file, ref.size - offset, changed)
    except OSError as error:
        raise ArtifactError(f"{source}: {error.strerror}", state="Nothing was changed on the host.") from None


def _exactly(file: BinaryIO, count: int, changed: ArtifactError) -> Iterator[bytes]:
    while count:
        piece = file.read(min(framing.DATA_BYTES, count))
        if not piece:
            raise changed
        count -= len(piece)
        yield piece
    if file.read(1):
        raise changed


def _parse_missing(body: bytes, refs: Sequence[ObjectRef]) -> list[Missing]:
    found = []
    for value in pack.decode_stream(body, what="list of missing contents", limit=protocol.MAX_BODY_BYTES):
        if not isinstance(value, list) or [type(item) for item in value] != [int, int]:
            raise FormatError("a list of missing contents that is not [content, offset]")
        found.append(Missing(*value))
    return _checked(found, refs)


def _checked(missing: list[Missing], refs: Sequence[ObjectRef]) -> list[Missing]:
    """The host may only ask for contents of this build, each once."""
    seen: set[int] = set()
    for content, offset in missing:
        if not 0 <= content < len(refs) or content in seen or not 0 <= offset < refs[content].size:
            raise ProtocolError("the host asks for bytes that the build does not have")
        seen.add(content)
    return missing
