"""What a command that sends contents sends by: the cache, what was learned of links, and what is wanted."""

from __future__ import annotations

from relstore.cli.cache import the_cache
from relstore.cli.options import Settings
from relstore.client.compression import AUTO, parse_compression
from relstore.client.encoders import Coding
from relstore.client.links import Links
from relstore.client.recent import Recent
from relstore.client.transfer import Transfer


def transfer_of(here: Settings, compression: str | None = None, delta: bool | None = None) -> Transfer:
    """``compression`` and ``delta``: instead of what relstore.toml says. Raises UsageError."""
    coding = parse_compression(compression or here.config.compression or AUTO)
    cache = the_cache()
    links = Links(cache.directory / "links.json")
    wanted = here.config.delta if delta is None else delta
    recent = Recent(cache.directory / "recent")
    return Transfer(cache, links, recent, Coding(*coding) if coding else None, wanted, len(here.targets))
