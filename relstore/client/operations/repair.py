"""Repairing a damaged build on a host with what this machine still has of it.

The host has used its own copies before this. Not for checking (``verify``), nor for an artifact that still
exists whole: pushing it again sends what is damaged.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from relstore import protocol
from relstore.client.artifact.scan import Scan
from relstore.client.connection.session import Session
from relstore.client.operations.fetch import fetch
from relstore.client.operations.sources import sources
from relstore.client.reporter import Reporter
from relstore.client.transfer import upload
from relstore.client.transfer.compare import Comparison, compare
from relstore.client.transfer.send_options import SendOptions
from relstore.client.transfer.stream_maker import StreamMaker
from relstore.errors import DamagedError
from relstore.formats.manifest import Manifest, contents
from relstore.formats.names import AppName
from relstore.protocol import DamagedBuild


class Result(NamedTuple):
    """What became of a build. Paths are those of the store."""

    whole: bool
    restored: frozenset[str] = frozenset()
    """What is as it should be now, if the build is not whole."""
    lacking: frozenset[str] = frozenset()
    """The files that neither the host nor this machine has the contents of."""


_NOTHING = Result(whole=False)


async def from_this_machine(
    session: Session, damaged: DamagedBuild, options: SendOptions, reporter: Reporter
) -> Result:
    """Repair of the build what this machine has the contents for. Raises what a push raises."""
    if damaged.app is None:
        return _NOTHING  # no generation needs it
    manifest = await _manifest(session, damaged.app, damaged, options)
    if manifest is None:
        return _NOTHING  # without its manifest nobody knows what the build should hold
    refs = contents(manifest)
    scan = Scan(Path(), manifest, manifest.encode(), damaged.build, {})
    request = protocol.Compare(damaged.app, damaged.build, allow_outside_links=True)
    compared = await compare(session, request, scan)
    if not compared.probed.damaged:
        return _NOTHING
    with ExitStack() as stack:
        here = sources(options, damaged.app, [refs[wanted.content] for wanted in compared.wanted])
        files = await asyncio.to_thread(stack.enter_context, here)
        scan.sources.update(files)
        available = [wanted for wanted in compared.wanted if refs[wanted.content].blake3 in files]
        stream_maker = StreamMaker(replace(options, origin=None), damaged.app, scan)
        try:
            to_send = Comparison(compared.probed, available, compared.codecs)
            await upload.send(session, scan, to_send, protocol.Restore(), stream_maker, reporter)
        finally:
            stream_maker.close()
    # What is repaired is for the host to say.
    now = await compare(session, request, scan)
    if not now.probed.damaged:
        return Result(whole=True)
    lacked = {refs[wanted.content].blake3 for wanted in compared.wanted}
    lacks = {refs[wanted.content].blake3 for wanted in now.wanted}
    paths: dict[bool, set[str]] = {True: set(), False: set()}
    for file in manifest.files():
        if file.content.blake3 in lacked | lacks:
            paths[file.content.blake3 in lacks].add(f"builds/{damaged.build}/tree/{file.path}")
    restored = {*paths[False], f"builds/{damaged.build}/manifest"}
    return Result(False, frozenset(restored), frozenset(paths[True]))


async def _manifest(
    session: Session, app: AppName, damaged: DamagedBuild, options: SendOptions
) -> Manifest | None:
    """The build's manifest, from the host or, where it is damaged there, from the cache."""
    try:
        row, manifest = await fetch(session, app, str(damaged.generation))
    except DamagedError:
        raw = options.cache.get(damaged.build)
        return None if raw is None else Manifest.parse(raw)
    return manifest if row.build == damaged.build else None  # the app has moved on meanwhile
