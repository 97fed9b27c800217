"""Sending what a host lacks of a build: compare, begin, streams, publish.

Nothing is waited for between the streams; making a stream and sending it overlap, and memory stays at a few
pieces of it. What fails to arrive in one way is sent in a plainer one. Not for activation (``activate``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from relstore import protocol
from relstore.client.artifact.scan import Scan
from relstore.client.connection.session import Session
from relstore.client.reporter import Reporter
from relstore.client.transfer import streams
from relstore.client.transfer.chunks import Chunk
from relstore.client.transfer.meter import Meter
from relstore.client.transfer.stream_maker import StreamMaker
from relstore.client.transfer.stream_plan import Receiver, StreamPlan
from relstore.errors import FormatError, ProtocolError, RelstoreError
from relstore.formats import pack
from relstore.formats.manifest import contents
from relstore.formats.names import Digest
from relstore.protocol import Wanted
from relstore.protocol import fields as shape

_ATTEMPTS = 3
"""As the choice says, then without bases, then as it is."""


@dataclass(frozen=True)
class Comparison:
    """What a host has and lacks of a build."""

    found: protocol.Probed
    wanted: list[Wanted]
    codecs: tuple[str, ...]


@dataclass(frozen=True)
class Stream:
    """One stream as it was sent."""

    way: StreamPlan
    sent: int
    """Bytes on the wire."""


@dataclass(frozen=True)
class Sent:
    """What became of an upload."""

    number: int
    """Of the generation that was recorded, 0 when none was."""
    record: bytes
    """It, as it is on the host's disk."""
    mended: int
    """How many entries were put right in a build that was damaged."""
    streams: tuple[Stream, ...]


async def compare(session: Session, request: protocol.Compare, scan: Scan) -> Comparison:
    """Ask what is missing; nothing is changed by that."""
    reply, body = await session.ask(request, protocol.Compared, scan.raw)
    try:
        wanted = streams.check(_parse(body), contents(scan.manifest))
    except (FormatError, ProtocolError) as error:
        raise error.on(session.label) from None
    if len(wanted) != reply.missing:
        raise ProtocolError("the host contradicts itself about what it lacks").on(session.label)
    return Comparison(reply.found, wanted, reply.codecs)


async def send(
    session: Session,
    scan: Scan,
    compared: Comparison,
    last: protocol.Publish | protocol.Restore,
    shop: StreamMaker,
    reporter: Reporter,
    *,
    local: bool,
) -> Sent:
    """Put what is missing and say what to do with it; again for what the host found damaged or could not
    undo."""
    refs = contents(scan.manifest)
    state = session.link()
    host = Receiver(session.label, local, state.round_trip if state else None, compared.codecs)
    wanted = compared.wanted
    streams_sent: list[Stream] = []
    await session.send(protocol.Begin())
    for attempt in range(_ATTEMPTS):
        ways = await asyncio.to_thread(shop.ways, wanted, host, attempt)
        meter = Meter(session.label, sum(way.load.size for way in ways), reporter)
        for way in ways:
            streams_sent.append(await _stream(session, way, shop, meter))
        reply, _ = await session.ask(last, protocol.Published)
        meter.saw(session.link())  # what is short waits in buffers, and travels after it was sent
        meter.finish()
        shop.how.links.learn(session.label, meter.speed(), shop.how.hosts, at_least=not meter.waited)
        if not reply.again:
            return Sent(reply.number, reply.record, reply.mended, tuple(streams_sent))
        for again in reply.again:
            reporter.detail(session.label, f"content {refs[again.content].blake3.short}: {again.why}")
        await asyncio.to_thread(scan.check_unchanged, [refs[again.content] for again in reply.again])
        count = len(reply.again)
        what = "an object is" if count == 1 else f"{count} objects are"
        reporter.notice(f"{session.label}: {what} sent anew: {reply.again[0].why}.")
        wanted = streams.check([Wanted(again.content, again.offset) for again in reply.again], refs)
    raise ProtocolError(
        "the host keeps asking for the same bytes",
        state="Nothing was changed.",
        hint="Look at its disk; `relstore verify` lists what is wrong.",
    ).on(session.label)


def mended(build: Digest, restored: Sent) -> str:
    """What a repair did, for people."""
    count = restored.mended
    what = "1 entry is" if count == 1 else f"{count} entries are"
    return (
        f"the build {build.short} was damaged in the store: {what} right again. A service that runs it has "
        "to be restarted to notice."
    )


async def _stream(session: Session, way: StreamPlan, shop: StreamMaker, meter: Meter) -> Stream:
    before = meter.sent
    meter.reporter.detail(session.label, way.describe())
    made = await asyncio.to_thread(shop.open, way)
    if made.way.option.coding != way.option.coding:
        meter.reporter.detail(session.label, f"instead as {made.way.option}")
    await session.send(made.way.opening)
    async with _made_ahead(made.chunks) as chunks:
        async for chunk in chunks:
            await meter.sending(session.send(protocol.Put(), chunk.data), chunk)
            meter.saw(session.link())
            await session.check_early()
    return Stream(made.way, meter.sent - before)


@asynccontextmanager
async def _made_ahead(chunks: Iterator[Chunk]) -> AsyncIterator[AsyncIterator[Chunk]]:
    """The chunks, each made in a thread while the one before is sent."""
    making = asyncio.create_task(asyncio.to_thread(next, chunks, None))

    async def all_of_them() -> AsyncIterator[Chunk]:
        nonlocal making
        while (chunk := await making) is not None:
            making = asyncio.create_task(asyncio.to_thread(next, chunks, None))
            if chunk.data:
                yield chunk

    try:
        yield all_of_them()
    finally:
        await asyncio.wait([making])  # a thread cannot be stopped, and it reads the artifact
        with suppress(RelstoreError, asyncio.CancelledError):
            making.result()


def _parse(body: bytes) -> list[Wanted]:
    found = []
    for value in pack.decode_stream(body, what="list of missing contents", limit=protocol.MAX_BODY_BYTES):
        found.append(shape.from_values(Wanted, value))
    return found
