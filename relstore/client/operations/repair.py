"""Repairing a damaged build at a host from what this machine still has of it in its cache.

What the host has itself it has used already. Not for checking (``relstore verify`` asks the host for that),
nor for an artifact that is still there: pushing it again sends what is damaged.
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
    session: Session, damaged: DamagedBuild, how: SendOptions, reporter: Reporter, *, local: bool
) -> bool:
    """Whether the build is whole again. Raises what a push raises."""
    if damaged.app is None:
        return False  # no generation needs it
    try:
        row, manifest = await fetch(session, damaged.app, str(damaged.generation))
    except DamagedError:
        return False  # without its manifest nobody knows what it should hold
    if row.build != damaged.build:
        return False  # the app went on meanwhile
    cache, refs = how.cache, contents(manifest)
    sources = {ref.blake3: str(cache.place(ref.blake3)) for ref in refs}
    scan = Scan(Path(), manifest, manifest.encode(), row.build, sources)
    question = protocol.Compare(damaged.app, row.build, allow_outside_links=True)
    compared = await upload.compare(session, question, scan)
    if not compared.found.damaged:
        return False
    for wanted in compared.wanted:
        if cache.get(refs[wanted.content].blake3) is None:
            return False
    shop = StreamMaker(how, damaged.app, scan)
    try:
        await upload.send(session, scan, compared, protocol.Restore(), shop, reporter, local=local)
    finally:
        shop.close()
    return True
