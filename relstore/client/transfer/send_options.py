"""What decides how one push sends. Not for deciding it (``stream_plan``)."""

from __future__ import annotations

from dataclasses import dataclass

from relstore.client.coding import Coding
from relstore.client.local_state.cache import Cache
from relstore.client.local_state.last_push import Recent
from relstore.client.local_state.link_speeds import Links
from relstore.client.origin.options import OriginOptions


@dataclass(frozen=True)
class SendOptions:
    """What decides how one push sends. ``compression`` and ``delta``: None lets ``cost_model`` choose."""

    cache: Cache
    links: Links
    recent: Recent
    compression: Coding | None = None
    delta: bool | None = None
    hosts: int = 1
    """How many hosts are sent to at the same time, over one uplink as far as anyone knows."""
    origin: OriginOptions | None = None
    """From where hosts may fetch."""
