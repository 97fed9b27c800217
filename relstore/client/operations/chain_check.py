"""Whether a host still shows the past that this machine saw, proved record by record.

A chain that was cut off, restored from an old backup or rewritten is noticed by whoever looked at it before,
and said; it is no error, since a restored backup is a good reason. Not for the chain itself, which the host
proves (``store.app``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from relstore.client.connection.session import Session
from relstore.client.local_state.chain_heads import Heads, Seen
from relstore.errors import FormatError, ProtocolError
from relstore.formats import pack
from relstore.formats.generation import MAX_BYTES, Generation, record_digest
from relstore.formats.names import AppName, Digest
from relstore.protocol import MAX_PAST, Past, PastOut


def question(place: str, app: AppName, heads: Heads) -> Past:
    """What to ask about an app at a ``place`` (see ``Session.place``)."""
    seen = heads.get(place, app)
    return Past(app, seen.number if seen else 0)


async def meant(
    session: Session, app: AppName | None, heads: Heads, notice: Callable[[str], None]
) -> AppName:
    """The given app, else the only one of the store; a look at its past is taken.

    Raises UsageError, ProtocolError.
    """
    app = app or await session.only_app()
    await look(session, question(session.place, app, heads), heads, notice)
    return app


async def look(session: Session, asked: Past, heads: Heads, notice: Callable[[str], None]) -> None:
    """Ask, say what is wrong with the answer, remember what is there now. Raises ProtocolError."""
    app = asked.app
    seen = heads.get(session.place, app)
    problem = ""
    while True:
        reply, body = await session.ask(asked, PastOut)
        problem = complaint(seen, reply) if seen else ""
        if seen is None or problem or seen.number == reply.number:
            break
        try:
            seen = proved(app, seen, _records(body))
        except FormatError as error:
            raise ProtocolError(f"the host's answer about its past: {error.what}").on(session.label) from None
        if seen.number >= reply.number:
            break
        asked = Past(app, seen.number)
    if problem:
        notice(f"{session.label}: {problem}")
    elif seen is not None and (seen.number, seen.digest) != (reply.number, reply.head):
        raise ProtocolError("the host contradicts itself about its past").on(session.label)
    if reply.head is not None:
        heads.keep(session.place, app, reply.number, reply.head)


def _records(body: bytes) -> list[object]:
    records = list(pack.decode_stream(body, what="answer", limit=MAX_PAST * (MAX_BYTES + 8)))
    if not 1 <= len(records) <= MAX_PAST:
        raise FormatError(f"{len(records)} records at a time")
    return records


def complaint(seen: Seen, reply: PastOut) -> str:
    """What is wrong with a chain that was ``seen`` before, for people; ``""`` when nothing is."""
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seen.at))
    if reply.number < seen.number:
        have = f"{reply.number} generations" if reply.number else "none"
        what = f"the history is shorter than it was: {seen.number} generations on {when}, now {have}."
    elif reply.seen != seen.digest:
        what = f"the history is not the one of {when}: the record of generation {seen.number} is another."
    else:
        return ""
    return (
        f"{what} Was the store restored from a backup? Else somebody changed it. It will not be said again."
    )


def proved(app: AppName, seen: Seen, records: Sequence[object]) -> Seen:
    """The last of ``records``, when each continues the one before. Raises FormatError."""
    for raw in records:
        if not isinstance(raw, bytes):
            raise FormatError("a record that is no bytes")
        record = Generation.parse(raw)
        if (record.app, record.number, record.parent) != (app, seen.number + 1, seen.digest):
            raise FormatError(f"record {record.number} does not continue the one before")
        seen = Seen(record.number, record_digest(raw), seen.at)
    return seen


def recorded(place: str, app: AppName, raw: bytes, heads: Heads) -> None:
    """Remember the record that a push has just made, when it continues what is remembered."""
    seen = heads.get(place, app)
    try:
        record = Generation.parse(raw)
    except FormatError:
        return  # the next look says what is wrong
    last: tuple[int, Digest | None] = (seen.number, seen.digest) if seen else (0, None)
    if record.app == app and (record.number - 1, record.parent) == last:
        heads.keep(place, app, record.number, record_digest(raw))
