"""The callers themselves: ``python -m tests.support.load.generator HOST PORT KIND=COUNT...`` until its input ends.

Each caller asks one thing again and again and notes what came of it; at the end all of it is one JSON document.
Not for what that means (``requests``), nor for starting it where the hosts can be reached (``running``).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field

from tests.support.load.requests import KINDS, Kind, Outcome, Request

_AFTER_FAILURE_S = 0.05
_HEARTBEAT_S = 0.05
_SPREAD_S = 0.5
_LIMIT_BYTES = 1 << 20
_SHORT_BYTES = 80
_RENEW_S = 3.0
"""After how long every second caller who keeps a connection opens another one."""
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

PAUSES: dict[Kind, Callable[[], float]] = {
    "new": lambda: 0.02,
    "busy": lambda: 0.04,
    "idle": lambda: random.uniform(0.8, 1.6),
    "work": lambda: 0.02,
    "answer": lambda: 0.1,
    "stream": lambda: 0.1,
}


@dataclass(frozen=True)
class Answer:
    """The head of one."""

    status: int
    fields: dict[str, str]

    @classmethod
    def parse(cls, raw: bytes) -> Answer:
        first, *lines = raw.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        return cls(int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs})

    @property
    def is_last(self) -> bool:
        return self.fields.get("connection", "").lower() == "close"


class SilenceError(Exception):
    """The connection closed before any byte of the answer."""


@dataclass
class Callers:
    """Everybody who calls, and what they noted."""

    host: str
    port: int
    patience: float
    """How many seconds a connection may take; an answer may take that and what it is asked to."""
    noted: list[Request] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    lag: float = 0.0

    async def call(self, kind: Kind, path: str, seconds: float, *, renews: bool) -> None:
        """One caller: asks for ``path``, which takes ``seconds``, until it is over."""
        keeps = kind in ("busy", "idle")
        kept: Streams | None = None
        opened = 0.0
        await asyncio.sleep(random.random() * _SPREAD_S)
        while not self.over.is_set():
            if kept is not None and _is_closed(kept[0]):
                self._note(kind, time.time(), "closed")
                _close(kept)
                kept = None
            if kept is None:
                opened = time.monotonic()
            elif renews and time.monotonic() - opened > _RENEW_S:
                _close(kept)
                kept, opened = None, time.monotonic()
            kept = await self._ask(kind, path, seconds, kept, keeps=keeps)
            await _either(self.over.wait(), PAUSES[kind]())
        _close(kept)

    async def _ask(
        self, kind: Kind, path: str, seconds: float, kept: Streams | None, *, keeps: bool
    ) -> Streams | None:
        """One request; the connection, if it may be used again."""
        began, release, streams = time.time(), "", kept
        is_answered = False
        try:
            if streams is None:
                streams = await asyncio.wait_for(_connect(self.host, self.port), self.patience)
            reader, writer = streams
            last = "" if keeps else "Connection: close\r\n"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: web\r\n{last}\r\n".encode())
            answer = await asyncio.wait_for(_head(reader), seconds + self.patience)
            is_answered, release = True, answer.fields.get("x-version", "")
            body = await asyncio.wait_for(_body(reader, answer), seconds + self.patience)
            release = release or body
        except SilenceError as error:
            # Nobody can tell whether a connection that was kept closed before the request or after it.
            outcome: Outcome = "failed" if kept is None else "unanswered"
            self._note(kind, began, outcome, detail=str(error))
        except (OSError, EOFError, ValueError) as error:
            outcome = "cut" if is_answered else "failed"
            self._note(kind, began, outcome, release, repr(error)[:100])
            await asyncio.sleep(_AFTER_FAILURE_S)
        else:
            good = answer.status == 200
            self._note(kind, began, "ok" if good else "failed", release, "" if good else str(answer.status))
            if keeps and not answer.is_last:
                return streams
        _close(streams)
        return None

    def _note(self, kind: Kind, began: float, outcome: Outcome, release: str = "", detail: str = "") -> None:
        self.noted.append(Request(began, time.time() - began, kind, outcome, release, detail))

    async def listen_to_themselves(self) -> None:
        """If they are late themselves, what they saw is their own slowness."""
        while not self.over.is_set():
            began = time.monotonic()
            await asyncio.sleep(_HEARTBEAT_S)
            self.lag = max(self.lag, time.monotonic() - began - _HEARTBEAT_S)


async def _connect(host: str, port: int) -> Streams:
    return await asyncio.open_connection(host, port, limit=_LIMIT_BYTES)


async def _head(reader: asyncio.StreamReader) -> Answer:
    try:
        return Answer.parse(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        raise SilenceError("closed without an answer") from None
    except ConnectionError as error:
        raise SilenceError(repr(error)) from None


async def _body(reader: asyncio.StreamReader, answer: Answer) -> str:
    """All of it is read. The text of a short one, by which a release is known that does not say it in its head."""
    if answer.fields.get("transfer-encoding") != "chunked":
        body = await reader.readexactly(int(answer.fields["content-length"]))
        return body.decode("latin-1") if len(body) <= _SHORT_BYTES else ""
    while True:
        line = await reader.readline()
        if not line:
            raise EOFError("the stream broke off")
        size = int(line, 16)
        await reader.readexactly(size + 2)
        if size == 0:
            return ""


def _is_closed(reader: asyncio.StreamReader) -> bool:
    return reader.at_eof() or reader.exception() is not None


def _close(streams: Streams | None) -> None:
    if streams is not None:
        streams[1].close()


async def _either(waiting: Coroutine[object, object, object], seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(waiting, seconds)


async def _until_input_ends() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    await reader.read()


async def run(callers: Callers, calls: list[Awaitable[None]]) -> None:
    every = asyncio.gather(callers.listen_to_themselves(), *calls)
    print(flush=True)  # they call from here on
    await _until_input_ends()
    callers.over.set()
    await every


def calls_of(callers: Callers, words: list[str]) -> list[Awaitable[None]]:
    """``KIND=COUNT`` or ``KIND=COUNT:SECONDS,SECONDS``: so many callers of a kind, and how long their answers take."""
    found: list[Awaitable[None]] = []
    for word in words:
        name, _, rest = word.partition("=")
        kind = next(kind for kind in KINDS if kind == name)
        count, _, lengths = rest.partition(":")
        takes = [float(length) for length in lengths.split(",")] if lengths else [0.0]
        for number in range(int(count)):
            seconds = 0.3 if kind == "work" else takes[number % len(takes)]
            path = f"/{kind}?{seconds:g}" if kind in ("work", "answer", "stream") else "/"
            found.append(callers.call(kind, path, seconds, renews=number % 2 == 1))
    return found


def main() -> None:
    host, port, patience, *words = sys.argv[1:]

    async def all_of_it() -> Callers:
        callers = Callers(host, int(port), float(patience))
        await run(callers, calls_of(callers, words))
        return callers

    callers = asyncio.run(all_of_it())
    json.dump({"lag": callers.lag, "requests": callers.noted}, sys.stdout)


if __name__ == "__main__":
    main()
