"""Draws the bytes of the open stream from an origin: fetched by another process, verified piece by piece.

Nothing of a piece is decoded before its SHA-256 is the one that the client gave, so what the origin sends can
only be right or be refused. What was right stays when the rest fails, and the client goes on from there. The
process, which alone talks to the origin, ends when the client is gone, when nothing comes for long, and when
its time is over. Not for HTTP (``origin_fetch``).
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import select
import signal
import time
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from relstore import protocol
from relstore.errors import FormatError, OriginError
from relstore.formats.origin_url import OriginUrl
from relstore.host.upload import origin_fetch
from relstore.host.upload.origin_fetch import Order

_DIGEST_BYTES = 32
_READ_BYTES = 256 * 1024
_MAX_SAID = 300
_REPORT_EVERY_S = 1.0
_LONGEST_S = 24 * 3600


class Drawing(NamedTuple):
    """One request, checked: what to fetch, and what each piece of it must be."""

    order: Order
    digests: bytes
    within: float
    """Seconds for all of it."""

    @classmethod
    def parse(cls, request: protocol.Draw, digests: bytes) -> Drawing:
        """Raises FormatError."""
        url = OriginUrl.parse(request.url)
        if not url.secure and not request.allow_http:
            raise FormatError("the URL of the origin is not https")
        count = -(-request.size // protocol.DRAWN_PIECE_BYTES)
        if request.size <= 0 or len(digests) != count * _DIGEST_BYTES:
            raise FormatError(f"a stream of {request.size} bytes has {count} digests")
        if not (0 < request.patience <= request.within <= _LONGEST_S):
            raise FormatError("the times for an origin are out of range")
        order = Order(url, request.size, request.authorities, float(request.patience))
        return cls(order, digests, float(request.within))

    def __repr__(self) -> str:
        return f"Drawing({self.order!r})"


def draw(
    drawing: Drawing, put: Callable[[bytes], bool], client: int, report: Callable[[int], None]
) -> protocol.Drawn:
    """Fetch, verify, and give each piece to ``put``, which says whether it wants more.

    ``client``: the descriptor from which requests come. ``report``: how many bytes are there. Raises what
    these two raise; whatever the origin does is in the reply. To be called where there is one thread alone:
    another could hold a lock, which nobody would release in the process that fetches.
    """
    try:
        fetcher = _Fetcher.start(drawing.order)
    except OSError as error:
        return protocol.Drawn(0, 0, f"it cannot start a process: {error.strerror}")
    try:
        return _drawn(drawing, fetcher, put, client, report)
    finally:
        fetcher.end()


def _drawn(
    drawing: Drawing,
    fetcher: _Fetcher,
    put: Callable[[bytes], bool],
    client: int,
    report: Callable[[int], None],
) -> protocol.Drawn:
    size, patience = drawing.order.size, drawing.order.patience
    piece = bytearray()
    taken = fetched = 0
    began = heard = reported = time.monotonic()
    poll = select.poll()
    poll.register(fetcher.data, select.POLLIN)
    poll.register(client, select.POLLIN)
    while taken < size:
        now = time.monotonic()
        if now - began >= drawing.within:
            why = f"it is slower than the uplink: {fetched} bytes in {drawing.within:.0f} s"
            return protocol.Drawn(taken, fetched, why)
        if now - heard >= patience:
            return protocol.Drawn(taken, fetched, f"nothing came for {patience:.0f} s ({fetcher.said()})")
        until = min(began + drawing.within, heard + patience)
        ready = [fd for fd, _ in poll.poll(max(until - now, 0) * 1000 + 1)]
        if client in ready:
            return protocol.Drawn(taken, fetched, "the client did not wait for it")
        if fetcher.data not in ready:
            continue
        wanted = min(protocol.DRAWN_PIECE_BYTES, size - taken)
        data = os.read(fetcher.data, min(_READ_BYTES, wanted - len(piece)))
        if not data:
            return protocol.Drawn(taken, fetched, fetcher.said() or "the fetching process was killed")
        heard = time.monotonic()
        fetched += len(data)
        piece += data
        if len(piece) < wanted:
            continue
        number = taken // protocol.DRAWN_PIECE_BYTES
        right = drawing.digests[number * _DIGEST_BYTES : (number + 1) * _DIGEST_BYTES]
        if hashlib.sha256(piece).digest() != right:
            return protocol.Drawn(taken, fetched, "it gives other bytes than were put there")
        taken += len(piece)
        if not put(bytes(piece)):
            return protocol.Drawn(size, fetched, "")  # the stream has failed: nobody wants the rest
        piece.clear()
        if heard - reported >= _REPORT_EVERY_S:
            reported = heard
            report(taken)
    return protocol.Drawn(taken, fetched, "")


class _Fetcher:
    """The process that fetches: its bytes in ``data``, and what it says."""

    def __init__(self, pid: int, data: int, words: int) -> None:
        self._pid = pid
        self.data = data
        self._words = words

    @classmethod
    def start(cls, order: Order) -> _Fetcher:
        """Raises OSError."""
        data, data_in = os.pipe()
        words, words_in = os.pipe()
        try:
            pid = os.fork()
        except BaseException:
            for fd in (data, data_in, words, words_in):
                os.close(fd)
            raise
        if pid == 0:
            _become(order, data_in, words_in)
        os.close(data_in)
        os.close(words_in)
        os.set_blocking(words, False)
        return cls(pid, data, words)

    def said(self) -> str:
        """The last that it said: what it waits for, or why it ended."""
        text = b""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._words, 4096):
                text = (text + chunk)[-4096:]
        lines = text.decode("utf-8", "replace").splitlines()
        return lines[-1][:_MAX_SAID] if lines else ""

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.close(self.data)
        os.close(self._words)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _become(order: Order, data: int, words: int) -> NoReturn:
    """The child: it has two descriptors and nothing of the session, above all not its locks."""
    code = 1
    try:
        # What the helper left for the collector may close descriptors, whose numbers mean others here.
        gc.disable()
        if hasattr(gc, "freeze"):
            gc.freeze()
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        for fd in _descriptors():
            if fd > 2 and fd not in (data, words):
                with contextlib.suppress(OSError):
                    os.close(fd)

        def take(piece: bytes) -> None:
            view = memoryview(piece)
            while view:
                try:
                    view = view[os.write(data, view) :]
                except OSError:
                    os._exit(1)  # nobody reads any more

        def say(text: str) -> None:
            with contextlib.suppress(OSError):
                os.write(words, text.encode("utf-8", "replace")[:_MAX_SAID] + b"\n")

        try:
            origin_fetch.fetch(order, take, say)
            code = 0
        except OriginError as error:
            say(error.what)
        except Exception as error:  # noqa: BLE001 - its text could hold what the origin sent
            say(f"fetching failed: {type(error).__name__}")
    finally:
        os._exit(code)


def _descriptors() -> list[int]:
    return [int(name) for name in os.listdir("/proc/self/fd")]
