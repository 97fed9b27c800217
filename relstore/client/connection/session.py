"""The client's end of a session with one host: requests out, events and replies in.

Checks what the host says before anybody uses it, bounds what it may send, and marks every error with
the host that it came from. Not for what to ask (``push`` and the commands).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from relstore import protocol
from relstore.client.connection import bootstrap
from relstore.client.connection.diagnosis import traces_commands
from relstore.client.connection.transport.base import Channel, Transport
from relstore.client.reporter import SILENT, Reporter
from relstore.client.target import store_label
from relstore.errors import ConnectionLostError, ProtocolError, RelstoreError, UsageError
from relstore.formats import pack
from relstore.formats.names import AppName
from relstore.protocol import conversation, fields
from relstore.protocol.conversation import Incoming

T = TypeVar("T")

_READ_BYTES = 64 * 1024
_NAMED = 10
_AT_ONCE = 64
"""So many requests wait for their answers together. They are short, so a pipe holds all of them and neither
side waits for the other to read."""


class Ahead(NamedTuple):
    """A request that is sent before the helper has greeted, to save its round trip."""

    request: Any
    body: bytes = b""


class Session:
    """A conversation with the helper of one store. Make it with ``start``; close its transport after."""

    def __init__(
        self,
        channel: Channel,
        transport: Transport,
        path: str,
        rest: bytes,
        ahead: Sequence[Ahead] = (),
        reporter: Reporter = SILENT,
    ) -> None:
        """``path``: of the store, as it was given."""
        self.label = transport.label
        self.is_local = transport.is_local
        """Whether the store is on this machine."""
        self.store_label = store_label(transport.label, path)
        """Names the host and the store, for what is remembered of them."""
        self.link = transport.link
        """What is known of the link."""
        self._ahead = [early.request for early in ahead]
        self._channel = channel
        self._reporter = reporter
        self._incoming = Incoming((*protocol.REPLIES, *protocol.EVENTS))
        self._incoming.feed(rest)
        self._pending: asyncio.Task[tuple[Any, bytes]] | None = None
        self.hello: protocol.Hello

    @classmethod
    async def start(
        cls,
        transport: Transport,
        path: str,
        opening: bytes,
        reporter: Reporter,
        ahead: Sequence[Ahead] = (),
    ) -> Session:
        """Start the helper, read its handshake. Raises HelperError, ConnectionLostError, ProtocolError.

        ``opening``: what starts the helper for the store at ``path``. ``ahead``: the requests that will be
        asked first, in this order; they travel with the start.
        """
        frames = b"".join(frame for early in ahead for frame in _frames(early.request, early.body))
        started = await bootstrap.start(transport, opening, frames)
        session = cls(started.channel, transport, path, started.rest, ahead, reporter)
        if started.chatter.strip():
            reporter.notice(
                f"{transport.label}: the login shell prints "
                f"{started.chatter[:60].decode('utf-8', 'replace')!r} "
                "before commands; relstore skipped it. Make its start-up files print only for terminals."
            )
        session.hello, _ = await session._answer((protocol.Hello,))
        if session.hello.version != protocol.VERSION:
            raise ProtocolError(
                f"the helper speaks version {session.hello.version} of the protocol, not {protocol.VERSION}",
                hint="Use the same relstore on both sides.",
            ).on(transport.label)
        if traces_commands(started.channel.stderr()):
            reporter.notice(
                f"{transport.label}: the login shell traces its commands (set -x); harmless here."
            )
        if session.hello.volatile:
            reporter.notice(
                f"{transport.label}: {session.hello.root} is on an overlay that ignores syncs (volatile): "
                "what is pushed may be lost in a power cut."
            )
        return session

    async def close(self) -> None:
        """End the helper. Never raises."""
        if self._pending is not None:
            self._pending.cancel()
        await self._channel.close()

    async def ask(self, request: Any, reply: type[T], body: bytes = b"") -> tuple[T, bytes]:
        """One request and its reply with the reply's body. Raises what the host reports.

        ``reply``: the class that belongs to the request; anything else is a bug, WrongReplyError.
        """
        _check_pair(request, reply)
        if self._ahead and self._ahead[0] is request:
            del self._ahead[0]
        else:
            await self.send(request, body)
        answer, rest = await self._answer((reply,))
        return answer, rest

    async def ask_each(self, requests: Sequence[Any], reply: type[T]) -> AsyncIterator[tuple[T, bytes]]:
        """Short requests of one kind, each with its reply, in about the time of one round trip.

        Whoever takes the replies asks nothing else meanwhile. Raises what the host reports of the first
        request that fails, when it has answered all that were sent.
        """
        for begin in range(0, len(requests), _AT_ONCE):
            sent = requests[begin : begin + _AT_ONCE]
            for request in sent:
                _check_pair(request, reply)
                await self.send(request)
            failure: RelstoreError | None = None
            for _ in sent:
                try:
                    answer = await self._answer((reply,))
                except (ConnectionLostError, ProtocolError):
                    raise
                except RelstoreError as error:
                    failure = failure or error
                else:
                    if failure is None:
                        yield answer
            if failure is not None:
                raise failure

    async def follow(self, request: Any, reply: type[T], body: bytes = b"") -> AsyncIterator[Any]:
        """One request with its body; its events as they come, and last its reply."""
        async for message, _ in self.follow_with_body(request, reply, body):
            yield message

    async def follow_with_body(
        self, request: Any, reply: type[T], body: bytes = b""
    ) -> AsyncIterator[tuple[Any, bytes]]:
        """As ``follow``, each message with its body."""
        _check_pair(request, reply)
        await self.send(request, body)
        while True:
            message, body = await self._answer(protocol.answers_to(type(request)))
            yield message, body
            if isinstance(message, reply):
                return

    async def only_app(self) -> AppName:
        """The one app of the store. Raises UsageError when there are several, or none."""
        apps, _ = await self.ask(protocol.Apps(), protocol.AppsOut)
        if len(apps.names) == 1:
            return apps.names[0]
        have = f"It has {_listed(apps.names)}." if apps.names else "It has no apps yet."
        raise UsageError(f"which app of the store at {self.hello.root}? {have}", hint="Give --app NAME.").on(
            self.label
        )

    async def send(self, request: Any, body: bytes = b"") -> None:
        """A request without waiting for anything. Raises early what the host says meanwhile."""
        if self._ahead:
            raise RuntimeError(f"{type(request).__name__} before the requests that were sent ahead")
        try:
            for frame in _frames(request, body):
                await self._channel.write(frame)
        except ConnectionLostError as lost:
            raise await self._last_words(lost) from None

    async def check_early(self) -> None:
        """Between requests that have no reply: raise the failure that the host may have sent already."""
        if self._pending is None:
            self._pending = asyncio.create_task(self._read())
        await asyncio.sleep(0)
        if self._pending.done():
            await self._answer(())

    async def _answer(self, allowed: tuple[Any, ...]) -> tuple[Any, bytes]:
        """The next message, one of the ``allowed`` classes, with its body. Raises the host's failure."""
        reading, self._pending = self._pending or asyncio.create_task(self._read()), None
        try:
            value, body = await reading
        except RelstoreError as error:
            raise error.on(self.label) from None
        if isinstance(value, protocol.Failure):
            raise value.error().on(self.label)
        if type(value) not in allowed:
            raise ProtocolError(f"the host sent {type(value).__name__} out of turn").on(self.label)
        if isinstance(value, protocol.Accepted):
            self._reporter.accepted(self.label, value.job)
        return value, body

    async def _read(self) -> tuple[Any, bytes]:
        message = await self._next(self._incoming.next_message)
        body = bytearray()
        while self._incoming.body:
            body += await self._next(self._incoming.next_piece)
        return message.value, bytes(body)

    async def _next(self, take: Callable[[], T | None]) -> T:
        """What ``take`` gives as soon as enough bytes came."""
        while (taken := take()) is None:
            data = await self._channel.read(_READ_BYTES)
            if not data:
                raise ConnectionLostError(
                    "the helper ended in the middle" + _tail(self._channel.stderr()),
                    hint=ConnectionLostError.HINT,
                )
            self._incoming.feed(data)
        return taken

    async def _last_words(self, lost: ConnectionLostError) -> RelstoreError:
        """The failure that the host sent before it hung up, or the loss itself."""
        try:
            await self._answer(())
        except RelstoreError as error:
            return lost.on(self.label) if isinstance(error, ConnectionLostError) else error
        return lost.on(self.label)


def _frames(request: Any, body: bytes) -> Iterator[bytes]:
    """Raises UsageError: what a person typed may be in another encoding than the terminal's."""
    try:
        yield from conversation.frames(request, body)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{str(error.object)[:80]!r} is not UTF-8",
            state="The host was not asked for it.",
            hint="Type it again in a terminal that uses UTF-8.",
        ) from None


def _check_pair(request: Any, reply: type) -> None:
    if protocol.REPLY_OF[type(request)] is not reply:
        raise protocol.WrongReplyError(f"{reply.__name__} does not answer {type(request).__name__}")


def _listed(names: Sequence[str]) -> str:
    """Names for a sentence, which stays one however many there are."""
    more = len(names) - _NAMED
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:_NAMED])} and {more} more"


def rows(body: bytes, kind: type[T]) -> list[T]:
    """The messages of one class in a reply's body. Raises ProtocolError, FormatError."""
    values: Iterable[Any] = pack.decode_stream(body, what="reply", limit=protocol.MAX_BODY_BYTES)
    return [fields.from_values(kind, value) for value in values]


def _tail(stderr: bytes) -> str:
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return f"; it said:\n{lines[-1]}" if lines else ""
