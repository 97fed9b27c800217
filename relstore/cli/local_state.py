"""What a command that sends contents sends by: the cache, what was learned of links, and what is wanted."""

from __future__ import annotations

import os

from relstore.cli.directories import cache_directory
from relstore.cli.options import Settings
from relstore.client.coding import AUTO, Coding, parse_compression
from relstore.client.config.amounts import parse_size
from relstore.client.local_state.cache import DEFAULT_LIMIT_BYTES, Cache
from relstore.client.local_state.last_push import Recent
from relstore.client.local_state.link_speeds import Links
from relstore.client.transfer.stream_plan import SendOptions


def transfer_of(here: Settings, compression: str | None = None, delta: bool | None = None) -> SendOptions:
    """``compression`` and ``delta``: instead of what relstore.toml says. Raises UsageError."""
    coding = parse_compression(compression or here.config.compression or AUTO)
    cache = the_cache()
    links = Links(cache.directory / "links.json")
    wanted = here.config.delta if delta is None else delta
    recent = Recent(cache.directory / "recent")
    return SendOptions(cache, links, recent, Coding(*coding) if coding else None, wanted, len(here.targets))


LIMIT_VARIABLE = "RELSTORE_CACHE_LIMIT"


def the_cache() -> Cache:
    """The cache of this account. Raises UsageError for a limit that is no size."""
    limit = os.environ.get(LIMIT_VARIABLE)
    return Cache(cache_directory(), parse_size(limit) if limit else DEFAULT_LIMIT_BYTES)
