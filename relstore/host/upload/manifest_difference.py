"""Undoes the difference between a manifest and that of an earlier build of this store.

The result is not trusted: it is checked against the name of its build, as a manifest that arrives whole is.
So the earlier manifest is taken as it is on disk. Memory is bounded by MAX_DIFFERENCE_BYTES, whatever a
client sends. Not for contents (``receiving``).
"""

from __future__ import annotations

from typing import Optional

from relstore.errors import FormatError, ProtocolError, StoreError
from relstore.formats.codecs import ZSTD
from relstore.formats.entries import MAX_DIFFERENCE_BYTES
from relstore.formats.names import Digest
from relstore.host.upload import decoders
from relstore.host.upload.libzstd import ZstdDecoder
from relstore.store.builds import MANIFEST_NAME
from relstore.store.store import Store


def undo(store: Store, base: Digest, difference: bytes, size: int) -> Optional[bytes]:
    """The ``size`` bytes that ``difference`` makes from the manifest of ``base``, unproved.

    None where this host lacks the manifest or zstd, or they do not fit together. Raises ProtocolError.
    """
    if not 0 < size <= MAX_DIFFERENCE_BYTES:
        raise ProtocolError(f"a difference that makes a manifest of {size} bytes")
    former = _manifest(store, base)
    if former is None or ZSTD not in decoders.available():
        return None
    decoder = ZstdDecoder(memoryview(former), size)
    try:
        made = bytearray()
        for piece in decoder.decode(difference):
            made += piece
            if len(made) > size:
                return None
        return bytes(made) if decoder.finished and len(made) == size else None
    except FormatError:
        return None
    finally:
        decoder.close()


def _manifest(store: Store, build: Digest) -> Optional[bytearray]:
    """As it is on disk; writable, which ctypes asks of what it passes to libzstd."""
    try:
        with store.builds.directory.sub(build) as directory:
            return bytearray(directory.read(MANIFEST_NAME, MAX_DIFFERENCE_BYTES))
    except (OSError, StoreError):
        return None
