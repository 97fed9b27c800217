"""Writing a build as a tar, the same bytes for the same build: no times, no owners, in order of the paths.

A file's bytes are written only once they are proved, so that whoever reads the tar never gets others.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import BinaryIO

from relstore.formats.manifest import Directory, File, Symlink

_IN_MEMORY_BYTES = 16 * 1024 * 1024
_MODE, _EXECUTABLE_MODE = 0o644, 0o755


class ExportTar:
    """A tar (pax) that is written to ``output``."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._written = 0

    def add(self, entry: Directory | Symlink) -> None:
        """Raises OSError."""
        if isinstance(entry, Directory):
            self._header(entry.path + "/", tarfile.DIRTYPE, _EXECUTABLE_MODE)
        else:
            self._header(entry.path, tarfile.SYMTYPE, 0o777, target=entry.target)

    @contextmanager
    def file(self, entry: File) -> Iterator[SpooledTemporaryFile[bytes]]:
        """Raises OSError."""
        size = entry.content.size
        with SpooledTemporaryFile(_IN_MEMORY_BYTES, prefix="relstore-") as file:
            yield file
            file.seek(0)
            mode = _EXECUTABLE_MODE if entry.content.executable else _MODE
            self._header(entry.path, tarfile.REGTYPE, mode, size=size)
            shutil.copyfileobj(file, self._output)
        self._pad(size, tarfile.BLOCKSIZE)

    def end(self) -> None:
        """Without it, a tar is not whole."""
        self._write(tarfile.NUL * tarfile.BLOCKSIZE * 2)
        self._pad(self._written, tarfile.RECORDSIZE)
        self._output.flush()

    def _header(self, name: str, kind: bytes, mode: int, *, size: int = 0, target: str = "") -> None:
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.size, info.linkname = kind, mode, size, target
        self._write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict"))
        self._written += size

    def _pad(self, size: int, block: int) -> None:
        self._write(tarfile.NUL * (-size % block))

    def _write(self, data: bytes) -> None:
        self._output.write(data)
        self._written += len(data)
