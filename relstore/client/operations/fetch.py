"""Fetching a generation with its manifest, which is checked here against the id of its build."""

from __future__ import annotations

from blake3 import blake3

from relstore import protocol
from relstore.client.connection.session import Session
from relstore.errors import DamagedError
from relstore.formats.manifest import Manifest
from relstore.formats.names import AppName
from relstore.protocol import RowOut


async def fetch(session: Session, app: AppName, spec: str) -> tuple[RowOut, Manifest]:
    """The generation that ``spec`` names. Raises DamagedError when the manifest is not that of its build."""
    row, raw = await session.ask(protocol.Fetch(app, spec), RowOut)
    if blake3(raw).hexdigest() != row.build:
        raise DamagedError(
            f"the manifest that the host sent is not that of the build {row.build.short}",
            hint="`relstore verify` checks the store.",
        ).on(session.label)
    return row, Manifest.parse(raw)
