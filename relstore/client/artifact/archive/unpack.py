"""Unpacking an archive, whatever its kind, into a directory that only this account can enter.

The kind is known by the first bytes, not by the name. Not for the directory's life (``cli.temporary``), nor
for the rules (``tree``, ``tar``, ``zip_file``).
"""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import BinaryIO

from relstore.client.artifact.archive.source import ArchiveInput, Readable, from_gzip, from_zstd
from relstore.client.artifact.archive.tar import BLOCK, is_tar, unpack_tar
from relstore.client.artifact.archive.tree import Tree
from relstore.client.artifact.archive.zip_file import unpack_zip
from relstore.errors import ArtifactError, FormatError

_RESERVE_BYTES = 16 * 1024 * 1024
"""What is left free in the temporary directory."""
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OTHERS = {b"\xfd7zXZ\0": "xz", b"BZh": "bzip2", b"7z\xbc\xaf": "7-Zip", b"Rar!": "RAR"}
_HINT = "An archive is a .tar, .tar.gz, .tar.zst or .zip."


def unpack_file(archive: Path, directory: Path) -> None:
    """Raises ArtifactError."""
    try:
        with archive.open("rb") as file:
            _unpack(str(archive), file, directory, is_file=True)
    except OSError as error:
        raise _unreadable(str(archive), error) from None


def unpack_stream(name: str, stream: BinaryIO, directory: Path) -> None:
    """A tar that comes through a pipe, perhaps compressed. Raises ArtifactError."""
    try:
        _unpack(name, stream, directory, is_file=False)
    except OSError as error:
        raise _unreadable(name, error) from None


def _unpack(name: str, file: BinaryIO, directory: Path, *, is_file: bool) -> None:
    source = ArchiveInput(file)
    head = source.peek(BLOCK)
    if not head:
        raise ArtifactError(f"{name} is empty", path=name, hint=_HINT)
    tree = Tree(directory, max(shutil.disk_usage(directory).free - _RESERVE_BYTES, 0))
    try:
        if head.startswith(_ZIP):
            if not is_file:
                raise FormatError(
                    "a zip cannot be read from a pipe: save it, and push the file with --unpack"
                )
            unpack_zip(file, tree)
        else:
            unpack_tar(_tar(source, head), tree)
        if tree.is_empty:
            raise FormatError("it holds nothing")
    except FormatError as error:
        raise ArtifactError(
            f"{name} cannot be unpacked: {error.what}",
            path=name,
            state="Nothing was sent, and nothing of it was kept.",
            hint=_HINT,
        ) from None


def _tar(source: ArchiveInput, head: bytes) -> Readable:
    if head.startswith(_GZIP):
        return from_gzip(source)
    if head.startswith(_ZSTD):
        return from_zstd(source)
    for magic, kind in _OTHERS.items():
        if head.startswith(magic):
            raise FormatError(f"it is of the kind {kind}, which relstore does not read")
    if not is_tar(head):
        raise FormatError("it is no archive")
    return source


def _unreadable(name: str, error: OSError) -> ArtifactError:
    if error.errno == errno.ENOENT and not error.filename2 and str(error.filename) == name:
        return ArtifactError(
            f"{name} does not exist", path=name, hint="Name what to push: relstore push PATH"
        )
    if error.errno == errno.ENOSPC:
        hint = "There is no more room in the temporary directory; the variable TMPDIR names another one."
        return ArtifactError(f"{name} cannot be unpacked: {error.strerror}", path=name, hint=hint)
    where = f": {error.filename}" if error.filename and str(error.filename) != name else ""
    return ArtifactError(f"{name} cannot be unpacked: {error.strerror}{where}", path=name)
