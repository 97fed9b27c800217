"""What this machine keeps of a push: what the next release may build on, and what a repair may need."""

from __future__ import annotations

from relstore.client.artifact.scan import Scan
from relstore.client.local_state.cache import MIN_BYTES
from relstore.client.local_state.small_contents import SmallContents
from relstore.client.transfer.send_options import SendOptions
from relstore.formats.manifest import contents
from relstore.formats.names import AppName


def keep(options: SendOptions, app: AppName, scan: Scan) -> None:
    """Put it into the cache. Never raises OSError."""
    cache, refs = options.cache, contents(scan.manifest)
    for ref in refs:
        if ref.size >= MIN_BYTES:
            cache.add(ref.blake3, scan.sources[ref.blake3], ref.size)
    SmallContents(cache).keep({ref.blake3: scan.sources[ref.blake3] for ref in refs if ref.size < MIN_BYTES})
    cache.add_manifest(scan.build, scan.raw)
    cache.trim()
    options.recent.keep(app, scan.manifest)
    if scan.lasts:
        options.recent.keep_artifact(app, scan.artifact, scan.build)
