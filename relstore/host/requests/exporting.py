"""Sending the contents of a build, from the objects that it is made of. Changes nothing.

The bytes are not proved here: who receives them has the manifest, and proves them anyway.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Union

from relstore.formats.manifest import File
from relstore.protocol import Export, Exported, FileContent
from relstore.protocol.framing import DATA_BYTES
from relstore.store.store import Store


def export(store: Store, request: Export) -> Iterator[tuple[Union[FileContent, Exported], bytes]]:
    """The messages with their bodies. Raises NotFoundError, DamagedError, OSError."""
    files = 0
    for number, entry in enumerate(store.builds.manifest(request.build).entries):
        if not isinstance(entry, File) or not entry.content.size:
            continue
        descriptor = store.objects.open(entry.content)
        try:
            while data := os.read(descriptor, DATA_BYTES):
                yield FileContent(number), data
        finally:
            os.close(descriptor)
        files += 1
    yield Exported(files), b""
