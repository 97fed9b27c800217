"""A host that lies: it runs the command it is sent, as sshd would, and changes what that command answers.

``python -m tests.proof.evil_host LIE SEED``, as the forced command of a key (authorized_keys(5)). Not for how
a client reacts (``hostile_host``).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

from relstore.formats import pack
from relstore.protocol import framing
from tests.proof.mutation import ESCAPES, VALUES, bent, encoded, places, replaced

SO_MANY = 8
"""A lie replaces one of this many first pieces of the answer."""

Lie = Callable[[Iterator[bytes], random.Random], Iterator[bytes]]
"""Turns the helper's pieces (its greeting, then one frame each) into what the host sends."""


def _a_value(said: Iterator[bytes], chance: random.Random) -> Iterator[bytes]:
    when = chance.randint(1, SO_MANY)
    for number, piece in enumerate(said):
        yield _changed(piece, chance) if number == when and piece[:1] == framing.MESSAGE else piece


def _escapes(said: Iterator[bytes], chance: random.Random) -> Iterator[bytes]:
    for number, piece in enumerate(said):
        yield _escaped(piece, chance) if number and piece[:1] == framing.MESSAGE else piece


def _bytes(said: Iterator[bytes], chance: random.Random) -> Iterator[bytes]:
    when = chance.randint(0, SO_MANY)
    for number, piece in enumerate(said):
        yield bent(piece, chance) if number == when else piece


def _long_frame(said: Iterator[bytes], chance: random.Random) -> Iterator[bytes]:
    yield from _some(said, chance)
    yield framing.MESSAGE + b"\xff\xff\xff\xff"
    yield from _endless(b"x" * 65536)


def _noise(said: Iterator[bytes], chance: random.Random) -> Iterator[bytes]:
    yield from _some(said, chance)
    yield from _endless(b"\0" * 65536)


def _banner(said: Iterator[bytes], chance: random.Random) -> Iterator[bytes]:
    yield from _endless(f"Welcome! {ESCAPES}\n".encode())


def _again(said: Iterator[bytes], chance: random.Random) -> Iterator[bytes]:
    last = b""
    for last in _some(said, chance):
        yield last
    yield from _endless(last or b"\0")


def _empty_messages(said: Iterator[bytes], chance: random.Random) -> Iterator[bytes]:
    yield from _some(said, chance)
    yield from _endless(encoded(framing.DATA, b"") * 1000)


def _complaints(said: Iterator[bytes], chance: random.Random) -> Iterator[bytes]:
    yield from _some(said, chance)
    until = time.monotonic() + 1
    while time.monotonic() < until:
        os.write(2, f"Traceback: {ESCAPES}\n".encode() * 1000)
    yield from said


def _silence(said: Iterator[bytes], chance: random.Random) -> Iterator[bytes]:
    yield from _some(said, chance)
    server = os.getppid()
    while os.getppid() == server:
        time.sleep(0.1)


def _half(said: Iterator[bytes], chance: random.Random) -> Iterator[bytes]:
    yield from _some(said, chance)
    yield next(said, b"")[:3]


def _death(said: Iterator[bytes], chance: random.Random) -> Iterator[bytes]:
    yield from _some(said, chance)
    os.write(2, ESCAPES.encode())
    os._exit(chance.choice((0, 1, 3, 137, 255)))


LIES: dict[str, Lie] = {
    "a-value": _a_value,
    "escapes": _escapes,
    "bytes": _bytes,
    "long-frame": _long_frame,
    "noise": _noise,
    "banner": _banner,
    "again": _again,
    "empty-messages": _empty_messages,
    "complaints": _complaints,
    "silence": _silence,
    "half": _half,
    "death": _death,
}


def _endless(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


def _some(said: Iterator[bytes], chance: random.Random) -> Iterator[bytes]:
    for _ in range(chance.randint(0, SO_MANY)):
        yield next(said, b"")


def _changed(frame: bytes, chance: random.Random) -> bytes:
    """The message with one value replaced."""
    value = _message(frame)
    new = replaced(value, chance.choice(list(places(value))), chance.choice(VALUES))
    return encoded(framing.MESSAGE, pack.encode(new))


def _escaped(frame: bytes, chance: random.Random) -> bytes:
    """The message with terminal escapes in one of its texts."""
    value = _message(frame)
    texts = [place for place in places(value) if isinstance(_at(value, place), str) and place != (0,)]
    if not texts:
        return frame
    place = chance.choice(texts)
    return encoded(framing.MESSAGE, pack.encode(replaced(value, place, f"{_at(value, place)}{ESCAPES}")))


def _message(frame: bytes) -> Any:
    return pack.decode(frame[framing.HEADER_BYTES :], what="message", limit=len(frame))


def _at(value: Any, place: tuple[int | str, ...]) -> Any:
    for step in place:
        value = value[step]
    return value


def _said(out: IO[bytes]) -> Iterator[bytes]:
    """The helper's greeting line, then its frames."""
    yield out.readline()
    while header := out.read(framing.HEADER_BYTES):
        yield header + out.read(framing.parse_header(header)[1])


def main() -> None:
    lie, seed = sys.argv[1:]
    words = ["/bin/sh", "-c", os.environ["SSH_ORIGINAL_COMMAND"]]
    with subprocess.Popen(words, stdout=subprocess.PIPE, process_group=0) as process:
        assert process.stdout is not None
        try:
            for piece in LIES[lie](_said(process.stdout), random.Random(int(seed))):
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
        except BrokenPipeError:
            os._exit(1)  # the client has gone
        finally:
            os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
