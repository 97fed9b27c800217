"""Starting the helper: what is sent to its command line until the handshake.

What arrives before the greeting comes from a login shell that prints; it
is reported, never parsed. Not for requests (``session``).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from dataclasses import dataclass

from relstore.client.connection.command_line import COMMAND
from relstore.client.connection.diagnosis import diagnose
from relstore.client.connection.transport.base import Channel, Transport
from relstore.errors import HelperError

HANDSHAKE_TIMEOUT_S = 60.0
MAX_AHEAD_BYTES = 2 * 1024 * 1024
_MAX_CHATTER_BYTES = 64 * 1024
_READ_BYTES = 64 * 1024
_GREETING = re.compile(rb"relstore-helper ([0-9]+) ([0-9a-f]{64}) (have|need)\n")


@dataclass(frozen=True)
class Started:
    """A helper that has sent its greeting."""

    channel: Channel
    rest: bytes
    """What has arrived after the greeting."""
    chatter: bytes
    """What the login shell printed before it."""


async def start(transport: Transport, opening: bytes, ahead: bytes = b"") -> Started:
    """Run the helper that ``opening`` (``opening.opening``) asks for.

    ``ahead``: frames for it to read first, at most MAX_AHEAD_BYTES; they cost no round trip.

    Raises HelperError with a diagnosis, ConnectionLostError.
    """
    channel = await transport.open(COMMAND, opening)
    try:
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            return await _greet(channel, transport.label, ahead)
    except TimeoutError:
        await channel.close()
        raise HelperError(
            f"the helper did not answer within {HANDSHAKE_TIMEOUT_S:.0f} s",
            state="Nothing was changed.",
            hint=f"Does `ssh {transport.label} true` return? A login shell that waits for input would hang.",
        ).on(transport.label) from None
    except BaseException:
        await channel.close()
        raise


async def _greet(channel: Channel, label: str, ahead: bytes) -> Started:
    nonce = os.urandom(16).hex()
    await channel.write(f"{nonce} {len(ahead)}\n".encode() + ahead)
    proof = hashlib.sha256(nonce.encode()).hexdigest().encode()
    received = b""
    while True:
        match = next((found for found in _GREETING.finditer(received) if found[2] == proof), None)
        if match:
            break
        data = await channel.read(_READ_BYTES)
        received += data
        if not data or len(received) > _MAX_CHATTER_BYTES:
            status = await channel.close()
            raise diagnose(received, channel.stderr(), status).on(label)
        if nonce.encode() in received:
            raise HelperError(
                "the host echoes what it is sent instead of running it",
                state="Nothing was changed.",
                hint="Does the account have a real login shell? Try by hand: ssh HOST python3 --version",
            ).on(label)
    if match[3] == b"need":
        from relstore.client.connection.bundle import bundle

        packed = bundle()
        await channel.write(b"%d\n" % len(packed.compressed) + packed.compressed)
    return Started(channel, received[match.end() :], received[: match.start()])
