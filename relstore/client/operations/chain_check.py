"""Whether a host still shows the history that this machine saw there, proved record by record.

Whoever saw a chain before notices when it was cut off, restored from an old backup or rewritten, and gets a
notice; not an error, since restoring a backup is a good reason. Not for the chain itself, which the host
proves (``store.app``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from relstore.client.connection.session import Session
from relstore.client.local_state.chain_heads import Heads, SeenHead
from relstore.errors import FormatError, ProtocolError
from relstore.formats import pack
from relstore.formats.generation import MAX_BYTES, Generation, record_digest
from relstore.formats.names import AppName, Digest
from relstore.protocol import MAX_PAST, Past, PastOut


def request(store: str, app: AppName, heads: Heads) -> Past:
    """What to ask about an app in a ``store`` (see ``Session.store_label``)."""
    seen = heads.get(store, app)
    return Past(app, seen.number if seen else 0)


async def find_app(
    session: Session, app: AppName | None, heads: Heads, notice: Callable[[str], None]
) -> AppName:
    """The given app, else the only one of the store, after a check of its history.

    Raises UsageError, ProtocolError.
    """
    app = app or await session.only_app()
    await check(session, request(session.store_label, app, heads), heads, notice)
    return app


async def check_each(
    session: Session, apps: Sequence[AppName], heads: Heads, notice: Callable[[str], None]
) -> None:
    """``check`` for several apps, which are asked about together. Raises ProtocolError."""
    store = session.store_label
    answers = session.ask_each([request(store, app, heads) for app in apps], PastOut)
    left: list[tuple[AppName, SeenHead]] = []
    names = iter(apps)
    async for reply, body in answers:
        app = next(names)
        proved_to = _look(session, app, heads.get(store, app), reply, body, heads, notice)
        if proved_to is not None:
            left.append((app, proved_to))
    for app, seen in left:
        await _check_after(session, app, seen, Past(app, seen.number), heads, notice)


async def check(session: Session, asked: Past, heads: Heads, notice: Callable[[str], None]) -> None:
    """Ask, give notice of what is wrong with the answer, remember what is there now. Raises ProtocolError."""
    seen = heads.get(session.store_label, asked.app)
    await _check_after(session, asked.app, seen, asked, heads, notice)


async def _check_after(
    session: Session,
    app: AppName,
    seen: SeenHead | None,
    asked: Past,
    heads: Heads,
    notice: Callable[[str], None],
) -> None:
    while True:
        reply, body = await session.ask(asked, PastOut)
        seen = _look(session, app, seen, reply, body, heads, notice)
        if seen is None:
            return
        asked = Past(app, seen.number)


def _look(
    session: Session,
    app: AppName,
    seen: SeenHead | None,
    reply: PastOut,
    body: bytes,
    heads: Heads,
    notice: Callable[[str], None],
) -> SeenHead | None:
    """How far the chain is proved now, where there is more of it to ask for. Raises ProtocolError."""
    problem = complaint(seen, reply) if seen else ""
    if seen is not None and not problem and seen.number != reply.number:
        try:
            seen = proved(app, seen, _records(body))
        except FormatError as error:
            raise ProtocolError(f"the host's answer about its history is malformed: {error.what}").on(
                session.label
            ) from None
        if seen.number < reply.number:
            return seen
    if problem:
        notice(f"{session.label}: {problem}")
    elif seen is not None and (seen.number, seen.digest) != (reply.number, reply.head):
        raise ProtocolError("the host contradicts itself about its history").on(session.label)
    if reply.head is not None:
        heads.keep(session.store_label, app, reply.number, reply.head)
    return None


def _records(body: bytes) -> list[object]:
    records = list(pack.decode_stream(body, what="answer", limit=MAX_PAST * (MAX_BYTES + 8)))
    if not 1 <= len(records) <= MAX_PAST:
        raise FormatError(f"it holds {len(records)} records, not 1 to {MAX_PAST}")
    return records


def complaint(seen: SeenHead, reply: PastOut) -> str:
    """What is wrong with a chain that was ``seen`` before, for people; ``""`` when nothing is wrong."""
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seen.at))
    if reply.number < seen.number:
        left = f"{reply.number} generations" if reply.number else "none"
        what = f"the history is shorter than it was: {seen.number} generations on {when}, now {left}."
    elif reply.seen != seen.digest:
        what = f"the history is not the one of {when}: the record of generation {seen.number} has changed."
    else:
        return ""
    return (
        f"{what} Was the store restored from a backup? If not, somebody changed it. "
        "This notice will not be repeated."
    )


def proved(app: AppName, seen: SeenHead, records: Sequence[object]) -> SeenHead:
    """The last of ``records``, when each continues the one before. Raises FormatError."""
    for raw in records:
        if not isinstance(raw, bytes):
            raise FormatError("a record is not a byte string")
        record = Generation.parse(raw)
        if (record.app, record.number, record.parent) != (app, seen.number + 1, seen.digest):
            raise FormatError(f"record {record.number} does not continue the one before")
        seen = SeenHead(record.number, record_digest(raw), seen.at)
    return seen


def remember(store: str, app: AppName, raw: bytes, heads: Heads) -> None:
    """Remember the record that a push has just made, when it continues what is remembered."""
    seen = heads.get(store, app)
    try:
        record = Generation.parse(raw)
    except FormatError:
        return  # the next check says what is wrong
    last: tuple[int, Digest | None] = (seen.number, seen.digest) if seen else (0, None)
    if record.app == app and (record.number - 1, record.parent) == last:
        heads.keep(store, app, record.number, record_digest(raw))
