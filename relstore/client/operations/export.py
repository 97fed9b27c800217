"""Taking a build out of a store: its files are proved against its manifest, and that against the build id.

Not for where they are written (``artifact.export_tree``, ``artifact.export_tar``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from blake3 import blake3

from relstore import protocol
from relstore.client.connection.session import Session
from relstore.errors import DamagedError, ProtocolError
from relstore.formats.manifest import Directory, File, Manifest, Symlink
from relstore.formats.names import Digest
from relstore.protocol import Exported, FileContent


class Bytes(Protocol):
    def write(self, data: bytes, /) -> object: ...


class Destination(Protocol):
    """Gets the entries of a build in the order of its manifest."""

    def add(self, entry: Directory | Symlink) -> None: ...

    def file(self, entry: File) -> AbstractContextManager[Bytes]:
        """For the file's content. The block raises when that was not what it should be."""


async def export(session: Session, build: Digest, manifest: Manifest, destination: Destination) -> None:
    """Raises DamagedError, ProtocolError, OSError, what the host reports."""
    messages = session.follow_with_body(protocol.Export(build), Exported)
    try:
        for number, entry in enumerate(manifest.entries):
            if isinstance(entry, File):
                with destination.file(entry) as file:
                    await _content(session, messages, number, entry, file)
            else:
                destination.add(entry)
        message, _ = await anext(messages)
        if not isinstance(message, Exported):
            raise ProtocolError("the host sent more than the build has").on(session.label)
    finally:
        await messages.aclose()  # type: ignore[attr-defined]


async def _content(
    session: Session, messages: AsyncIterator[tuple[Any, bytes]], number: int, entry: File, file: Bytes
) -> None:
    digest, left = blake3(), entry.content.size
    while left:
        message, body = await anext(messages)
        if not isinstance(message, FileContent) or message.entry != number or not 0 < len(body) <= left:
            raise _damaged(entry).on(session.label)
        digest.update(body)
        file.write(body)
        left -= len(body)
    if digest.digest() != entry.content.blake3.raw:
        raise _damaged(entry).on(session.label)


def _damaged(entry: File) -> DamagedError:
    return DamagedError(
        f"what the host has of {entry.path!r} is not what the build should have",
        state="Nothing was kept of it.",
        hint="`relstore verify` checks the store, and --repair repairs it.",
    )
