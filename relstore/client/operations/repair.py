"""Repairing a damaged build on a host with what this machine's cache still has of it.

The host has used its own copies before this. Not for checking (``verify``), nor for an artifact that still
exists: pushing it again sends what is damaged.
"""

from __future__ import annotations

from pathlib import Path

from relstore import protocol
from relstore.client.artifact.scan import Scan
from relstore.client.connection.session import Session
from relstore.client.operations.fetch import fetch
from relstore.client.reporter import Reporter
from relstore.client.transfer import upload
from relstore.client.transfer.stream_maker import StreamMaker
from relstore.client.transfer.stream_plan import SendOptions
from relstore.errors import DamagedError
from relstore.formats.manifest import contents
from relstore.protocol import DamagedBuild


async def from_cache(
    session: Session, damaged: DamagedBuild, options: SendOptions, reporter: Reporter
) -> bool:
    """Whether the build is whole again. Raises what a push raises."""
    if damaged.app is None:
        return False  # no generation needs it
    try:
        row, manifest = await fetch(session, damaged.app, str(damaged.generation))
    except DamagedError:
        return False  # without its manifest nobody knows what the build should hold
    if row.build != damaged.build:
        return False  # the app has moved on meanwhile
    cache, refs = options.cache, contents(manifest)
    sources = {ref.blake3: str(cache.content_path(ref.blake3)) for ref in refs}
    scan = Scan(Path(), manifest, manifest.encode(), row.build, sources)
    request = protocol.Compare(damaged.app, row.build, allow_outside_links=True)
    compared = await upload.compare(session, request, scan)
    if not compared.probed.damaged:
        return False
    for wanted in compared.wanted:
        if cache.get(refs[wanted.content].blake3) is None:
            return False
    stream_maker = StreamMaker(options, damaged.app, scan)
    try:
        await upload.send(session, scan, compared, protocol.Restore(), stream_maker, reporter)
    finally:
        stream_maker.close()
    return True
