"""Sending what a host lacks of a build: compare, begin, streams, publish.

Streams follow each other without waiting for answers; making a stream and sending it overlap, and only a few
pieces of it are in memory. What does not arrive intact is sent again by a simpler plan. Not for activation
(``operations.activate``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from relstore import protocol
from relstore.client.artifact.scan import Scan
from relstore.client.connection.session import Session
from relstore.client.reporter import Reporter
from relstore.client.transfer import drawing, streams
from relstore.client.transfer.chunks import Chunk
from relstore.client.transfer.compare import Comparison
from relstore.client.transfer.meter import Meter
from relstore.client.transfer.stream_maker import StreamMaker
from relstore.client.transfer.stream_plan import Receiver, StreamPlan, not_as_asked
from relstore.client.transfer.upload_turns import UploadTurns
from relstore.errors import ProtocolError, RelstoreError
from relstore.formats.manifest import contents
from relstore.formats.names import Digest
from relstore.protocol import Wanted

_TOGETHER_BYTES = 1024 * 1024
_AT_ONCE_S = 0.005
_ATTEMPTS = 3
"""By the best plan, then without bases, then uncompressed."""


@dataclass(frozen=True)
class Stream:
    """One stream as it was sent."""

    plan: StreamPlan
    sent: int
    """Bytes on the wire."""
    drawn: int = 0
    """Bytes that the host fetched from the origin."""


@dataclass(frozen=True)
class Sent:
    """How an upload ended."""

    number: int
    """The generation that was recorded, 0 when none was."""
    record: bytes
    """The generation's record, as it is on the host's disk."""
    repaired: int
    """How many entries of a damaged build were repaired."""
    streams: tuple[Stream, ...]


async def send(
    session: Session,
    scan: Scan,
    compared: Comparison,
    last: protocol.Publish | protocol.Restore,
    stream_maker: StreamMaker,
    reporter: Reporter,
) -> Sent:
    """Send what is missing and then ``last``; send again what the host found damaged or could not undo.

    It waits until it is this host's turn.
    """
    async with stream_maker.turns.turn(session.label):
        return await _send(session, scan, compared, last, stream_maker, reporter)


async def _send(
    session: Session,
    scan: Scan,
    compared: Comparison,
    last: protocol.Publish | protocol.Restore,
    stream_maker: StreamMaker,
    reporter: Reporter,
) -> Sent:
    in_thread = stream_maker.turns.in_thread
    refs = contents(scan.manifest)
    host = Receiver.at(session, compared.codecs)
    wanted = compared.wanted
    streams_sent: list[Stream] = []
    await session.send(protocol.Begin())
    count_repaired = 0
    for attempt in range(_ATTEMPTS):
        plans = await in_thread(stream_maker.plans, wanted, host, attempt)
        if attempt == 0 and (refusal := not_as_asked(stream_maker.options, host, plans)):
            reporter.notice(refusal)
        if attempt == 0 and (notice := stream_maker.notice(host, plans)):
            reporter.notice(notice)
        meter = Meter(session.label, sum(plan.payload.size for plan in plans), reporter)
        for plan, following in zip(plans, [*plans[1:], None], strict=False):
            stream = await _stream(session, plan, following, stream_maker, meter)
            streams_sent.append(stream)
        reply, _ = await session.ask(last, protocol.Published)
        meter.saw(session.link())  # a short upload only leaves the buffers while the reply is awaited
        meter.finish()
        stream_maker.options.links.learn(
            session.label, meter.speed(), stream_maker.options.hosts, at_least=not meter.waited
        )
        count_repaired += reply.repaired
        wanted = streams.check([Wanted(again.content, again.offset) for again in reply.again], refs)
        # A repair may lack some contents, which are asked for all the same.
        wanted = [item for item in wanted if refs[item.content].blake3 in scan.sources]
        if not wanted:
            return Sent(reply.number, reply.record, count_repaired, tuple(streams_sent))
        for again in reply.again:
            reporter.detail(session.label, f"content {refs[again.content].blake3.short}: {again.why}")
        await in_thread(scan.check_unchanged, [refs[item.content] for item in wanted])
        count = len(wanted)
        objects = "an object" if count == 1 else f"{count} objects"
        reporter.notice(f"{session.label}: sending {objects} again: {reply.again[0].why}.")
    raise ProtocolError(
        "the host keeps asking for the same bytes",
        state="Nothing was recorded.",
        hint="Check its disk; `relstore verify` lists what is wrong with the store.",
    ).on(session.label)


def repaired(build: Digest, restored: Sent) -> str:
    """What a repair did, for people."""
    count = restored.repaired
    what = "1 entry was" if count == 1 else f"{count} entries were"
    return (
        f"the build {build.short} was damaged in the store; {what} repaired. "
        "Restart the services that run it: until then they use the damaged files."
    )


async def _stream(
    session: Session, plan: StreamPlan, following: StreamPlan | None, stream_maker: StreamMaker, meter: Meter
) -> Stream:
    """Send one stream, or have it drawn. ``following``: the next one of this host."""
    before = meter.sent, meter.drawn
    meter.reporter.detail(session.label, plan.describe())
    made = await stream_maker.turns.in_thread(stream_maker.open, plan)
    if made.plan.option.coding != plan.option.coding:
        meter.reporter.detail(session.label, f"instead as {made.plan.option}")
    await session.send(made.plan.opening)
    chunks = made.chunks
    if made.plan.by_origin:
        taken = await drawing.draw(session, made.plan, following, stream_maker, meter)
        chunks = drawing.rest(made.chunks, taken)
    async with _made_ahead(chunks, stream_maker.turns) as ahead:
        async for chunk in ahead:
            await meter.sending(session.send(protocol.Put(), chunk.data), chunk)
            meter.saw(session.link())
            await session.check_early()
    return Stream(made.plan, meter.sent - before[0], meter.drawn - before[1])


def _some(chunks: Iterator[Chunk]) -> list[Chunk]:
    """The next chunk, and those that are made in no time: it takes longer to switch to another thread.

    Empty at the end.
    """
    made: list[Chunk] = []
    size, began = 0, time.monotonic()
    for chunk in chunks:
        made.append(chunk)
        size += len(chunk.data)
        if size >= _TOGETHER_BYTES or time.monotonic() - began > _AT_ONCE_S:
            break
    return made


@asynccontextmanager
async def _made_ahead(chunks: Iterator[Chunk], turns: UploadTurns) -> AsyncIterator[AsyncIterator[Chunk]]:
    """The chunks, made in a thread while those before them are sent."""
    making = asyncio.create_task(turns.in_thread(_some, chunks))

    async def all_of_them() -> AsyncIterator[Chunk]:
        nonlocal making
        while made := await making:
            making = asyncio.create_task(turns.in_thread(_some, chunks))
            for chunk in made:
                if chunk.data:
                    yield chunk

    try:
        yield all_of_them()
    finally:
        await asyncio.wait([making])  # a thread cannot be stopped, and this one reads the artifact
        with suppress(RelstoreError, asyncio.CancelledError):
            making.result()
