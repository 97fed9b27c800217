"""Having a host fetch a stream from the origin. What does not come that way is sent after all.

Not for putting it there (``origin``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from relstore import protocol
from relstore.client.connection.session import Session
from relstore.client.origin.origin import Origin, Placed
from relstore.client.reporter import Reporter
from relstore.client.transfer import stream_plan
from relstore.client.transfer.chunks import Chunk
from relstore.client.transfer.meter import Meter
from relstore.client.transfer.stream_maker import StreamMaker
from relstore.client.transfer.stream_plan import Receiver, StreamPlan
from relstore.errors import ProtocolError, RelstoreError


async def draw(
    session: Session,
    plan: StreamPlan,
    following: StreamPlan | None,
    stream_maker: StreamMaker,
    meter: Meter,
) -> int:
    """How many bytes of the stream that is open at the host it has got from the origin; 0 without one.

    ``following``: what is put there meanwhile, for the next time. Raises what the host reports.
    """
    origin, reporter = stream_maker.origin, meter.reporter
    if origin is None or meter.gave_up:
        return 0
    placed = await _placed(origin, plan, stream_maker, session, reporter)
    ahead = (
        asyncio.create_task(_prepare(origin, following, stream_maker, session, reporter))
        if following is not None and following.by_origin
        else None
    )
    try:
        if placed is None:
            return 0
        request = await origin.request(placed, _uplink_s(placed, stream_maker, session), reporter)
        if request is None:
            return 0
        return await _drawn(session, origin, placed, request, meter)
    finally:
        if ahead is not None and not ahead.done():
            ahead.cancel()


def rest(chunks: Iterator[Chunk], taken: int) -> Iterator[Chunk]:
    """What is left of a stream after its first ``taken`` bytes."""
    for chunk in chunks:
        if taken >= len(chunk.data):
            taken -= len(chunk.data)
        elif taken:
            yield Chunk(chunk.data[taken:], chunk.size)
            taken = 0
        else:
            yield chunk


async def _drawn(
    session: Session, origin: Origin, placed: Placed, request: protocol.Draw, meter: Meter
) -> int:
    async for answer in session.follow(request, protocol.Drawn, placed.digests):
        if isinstance(answer, protocol.Drawn):
            if not 0 <= answer.taken <= placed.size or answer.fetched < 0:
                raise ProtocolError("the host contradicts itself about what it fetched").on(session.label)
            meter.drew(answer.fetched)
            if answer.why:
                meter.gave_up = True
                origin.failed_at(session.label, answer, placed.size, meter.reporter)
            return answer.taken
        meter.reporter.drew(session.label, meter.drawn + answer.done)
    return 0


async def _prepare(
    origin: Origin, plan: StreamPlan, stream_maker: StreamMaker, session: Session, reporter: Reporter
) -> None:
    with suppress(RelstoreError):  # it comes up again when the stream is needed
        made = await asyncio.to_thread(stream_maker.open, plan)
        await _placed(origin, made.plan, stream_maker, session, reporter)


async def _placed(
    origin: Origin, plan: StreamPlan, stream_maker: StreamMaker, session: Session, reporter: Reporter
) -> Placed | None:
    options = stream_maker.options
    host = Receiver.at(session)
    placed = await origin.placed(
        stream_maker.identity(plan),
        lambda: stream_maker.read(plan),
        stream_plan.uplink(options, host),
        reporter,
    )
    if placed is not None:
        options.links.learn(origin.options.label, placed.speed)
    return placed


def _uplink_s(placed: Placed, stream_maker: StreamMaker, session: Session) -> float:
    """Seconds that the stream would take to all hosts over the uplink."""
    options = stream_maker.options
    host = Receiver.at(session)
    return placed.size / stream_plan.link(options, host)
