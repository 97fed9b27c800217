"""What the Linux kernel has measured about a TCP connection: its round trip, and how fast the path delivers.

``struct tcp_info`` of ``linux/tcp.h``; tcp(7). The delivery rate is that of
draft-cheng-iccrg-delivery-rate-estimation, which BBR uses: it is right after a burst, and the sender's pauses
do not distort it. On other systems, and over pipes, nothing is known. Not for what is remembered of a link
(``link_speeds``).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from typing import NamedTuple

_BYTES = 168
_APP_LIMITED, _ROUND_TRIP, _DELIVERY_RATE = 7, 68, 160
"""Their offsets in the structure: a bit, microseconds, bytes a second."""


class LinkState(NamedTuple):
    """A link as it is now."""

    round_trip: float
    """Seconds."""
    rate: float | None
    """Bytes a second; None until enough was sent to tell."""


def link_state(sock: socket.socket | None) -> LinkState | None:
    """What is known about the connection of ``sock``; None when nothing is known."""
    if sock is None or sys.platform != "linux" or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    with contextlib.suppress(OSError):
        return parse(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES))
    return None


def parse(info: bytes) -> LinkState | None:
    """From the kernel's bytes; None from a kernel that gives fewer of them (before 4.9)."""
    if len(info) < _BYTES:
        return None
    (microseconds,) = struct.unpack_from("=I", info, _ROUND_TRIP)
    (rate,) = struct.unpack_from("=Q", info, _DELIVERY_RATE)
    known = rate and not info[_APP_LIMITED] & 1
    return LinkState(microseconds / 1e6, float(rate) if known else None)
