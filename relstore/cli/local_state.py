"""What this machine keeps for sending contents: the cache and the speeds of links, with the settings."""

from __future__ import annotations

import os
from pathlib import Path

import click

from relstore.cli.directories import cache_directory
from relstore.cli.invocation import Invocation
from relstore.client.coding import Coding, parse_compression
from relstore.client.config.amounts import parse_size
from relstore.client.config.keys import origin as keys
from relstore.client.config.keys.release import COMPRESSION, DELTA
from relstore.client.local_state.cache import DEFAULT_LIMIT_BYTES, Cache
from relstore.client.local_state.last_push import Recent
from relstore.client.local_state.link_speeds import Links
from relstore.client.origin.options import OriginOptions
from relstore.client.transfer.send_options import SendOptions
from relstore.errors import UsageError

_MAX_AUTHORITIES = 256 * 1024
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
        origin_options(invocation),
    )


def origin_options(invocation: Invocation) -> OriginOptions | None:
    """What the settings say of an origin. Raises UsageError."""
    settings = invocation.settings
    address = settings.get(keys.ORIGIN)
    if address is None:
        return None
    if address.text.startswith("http://") and not settings.get(keys.ORIGIN_ALLOW_HTTP):
        raise UsageError(
            f"the origin {address.text} is not https",
            hint="Use https://, or allow it with origin-allow-http = true.",
        )
    if not address.is_s3 and settings.get(keys.ORIGIN_PUT) is None:
        raise UsageError(
            f"nothing says how to put a file to {address.text}", hint="Set origin-put to a command that does."
        )
    config = invocation.config.path
    return OriginOptions(
        address,
        settings.get(keys.ORIGIN_ENDPOINT),
        settings.get(keys.ORIGIN_PUT),
        settings.get(keys.ORIGIN_FROM),
        _authorities(settings.get(keys.ORIGIN_CA)),
        settings.get(keys.ORIGIN_ALLOW_HTTP),
        settings.get(keys.ORIGIN_TIMEOUT),
        str(config.parent) if config else None,
        dict(os.environ),
    )


def _authorities(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        pem = path.read_text("ascii")
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not PEM"
        raise UsageError(f"origin-ca: {path}: {why}") from None
    if "-----BEGIN CERTIFICATE-----" not in pem or len(pem) > _MAX_AUTHORITIES:
        raise UsageError(f"origin-ca: {path} holds no certificates in PEM", hint="Name the authority's file.")
    return pem


def local_cache() -> Cache:
    """The cache of this account. Raises UsageError for a limit that is not a size."""
    limit = os.environ.get(LIMIT_VARIABLE)
    return Cache(cache_directory(), parse_size(limit) if limit else DEFAULT_LIMIT_BYTES)
