"""What this machine keeps for sending contents: the cache and the speeds of links, with the settings."""

from __future__ import annotations

import os

import click

from relstore.cli.directories import cache_directory
from relstore.cli.invocation import Invocation
from relstore.client.coding import Coding, parse_compression
from relstore.client.config.amounts import parse_size
from relstore.client.config.keys.release import COMPRESSION, DELTA
from relstore.client.local_state.cache import DEFAULT_LIMIT_BYTES, Cache
from relstore.client.local_state.last_push import Recent
from relstore.client.local_state.link_speeds import Links
from relstore.client.transfer.send_options import SendOptions

LIMIT_VARIABLE = "RELSTORE_CACHE_LIMIT"


def send_options(invocation: Invocation) -> SendOptions:
    """How contents are sent. Raises UsageError."""
    coding = parse_compression(invocation.settings.get(COMPRESSION))
    cache = local_cache()
    links = Links(cache.directory / "links.json")
    click.get_current_context().call_on_close(links.flush)
    recent = Recent(cache.directory / "recent")
    return SendOptions(
        cache,
        links,
        recent,
        Coding(*coding) if coding else None,
        invocation.settings.get(DELTA),
        len(invocation.targets),
    )


def local_cache() -> Cache:
    """The cache of this account. Raises UsageError for a limit that is not a size."""
    limit = os.environ.get(LIMIT_VARIABLE)
    return Cache(cache_directory(), parse_size(limit) if limit else DEFAULT_LIMIT_BYTES)
