"""What Linux's kernel measured of a TCP connection: its round trip, and how fast the path delivers.

``struct tcp_info`` of ``linux/tcp.h``; tcp(7). The delivery rate is that of
draft-cheng-iccrg-delivery-rate-estimation, which BBR steers by: right after a burst, and not fooled by pauses
of ours. Elsewhere, and over pipes, nothing is known.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from typing import NamedTuple

_BYTES = 168
_APP_LIMITED, _ROUND_TRIP, _DELIVERY_RATE = 7, 68, 160
"""Where they are in it: a bit, microseconds, bytes a second."""


class LinkState(NamedTuple):
    """A link as it is now."""

    round_trip: float
    """Seconds."""
    rate: float | None
    """Bytes a second; None while too little was sent to tell."""


def link_state(sock: socket.socket | None) -> LinkState | None:
    """What is known of the connection of ``sock``; None when nothing is."""
    if sock is None or sys.platform != "linux" or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    with contextlib.suppress(OSError):
        return parse(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES))
    return None


def parse(info: bytes) -> LinkState | None:
    """From the bytes of the kernel; None from one that tells less (before 4.9)."""
    if len(info) < _BYTES:
        return None
    (microseconds,) = struct.unpack_from("=I", info, _ROUND_TRIP)
    (rate,) = struct.unpack_from("=Q", info, _DELIVERY_RATE)
    told = rate and not info[_APP_LIMITED] & 1
    return LinkState(microseconds / 1e6, float(rate) if told else None)
