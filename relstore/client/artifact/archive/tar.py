"""Unpacking a tar as it comes: ustar, pax, and the long names of GNU.

Python's tarfile reads the single header; which headers follow each other is decided here, since tarfile takes
a damaged or cut header for the end of the archive, reads extensions of any size, and believes sparse maps.
What is no file, directory, symlink or hard link is refused, and so is an archive without an end, or with
something behind it.

https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html (ustar and pax formats),
https://www.gnu.org/software/tar/manual/html_node/Standard.html
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from typing import NamedTuple

from relstore.client.artifact.archive.source import Readable
from relstore.client.artifact.archive.tree import Tree
from relstore.errors import FormatError
from relstore.formats.manifest import MAX_ENTRIES

BLOCK = 512
_ZEROS = bytes(BLOCK)
_MAX_EXTENSION_BYTES = 1024 * 1024
_MAX_HEADERS = 4 * MAX_ENTRIES
_MAX_PADDING_BYTES = 16 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024

_PAX_RECORD = re.compile(rb"([1-9][0-9]{0,6}) ([^=\0]+)=", re.DOTALL)
_DECIMAL = re.compile(r"[0-9]{1,19}", re.ASCII)
_SPARSE = ("GNU.sparse.", "SCHILY.realsize")
_OF_ONE_ENTRY = ("path", "linkpath", "size")
_GNU_MAGIC = b"ustar  \0"

_REFUSED = {
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a FIFO",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
    b"D": "a directory of an incremental backup",
    b"M": "the rest of a file from another volume",
    b"V": "the label of a volume",
}


class _Extension(NamedTuple):
    """What headers before an entry's own say about it."""

    pax: dict[str, str]
    name: str | None = None
    target: str | None = None


def is_tar(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is a tar."""
    if head[:BLOCK] == _ZEROS:
        return True  # one without entries
    try:
        tarfile.TarInfo.frombuf(head[:BLOCK], "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return False
    return True


def unpack_tar(stream: Readable, tree: Tree) -> None:
    """Raises FormatError, OSError."""
    extension = _Extension({})
    for _ in range(_MAX_HEADERS):
        block = _exactly(stream, BLOCK)
        if block == _ZEROS:
            if extension != _Extension({}):
                raise FormatError("it ends after the extension of a header")
            _check_end(stream)
            return
        header = _header(block)
        if header.type in (tarfile.XHDTYPE, tarfile.XGLTYPE):
            pax = _pax(_data(stream, header))
            if header.type == tarfile.XGLTYPE:
                _check_global(pax)
            elif extension != _Extension({}):
                raise FormatError("an entry has several extended headers")
            else:
                extension = _Extension(pax)
        elif header.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
            extension = _with_long(extension, header.type, _data(stream, header))
        else:
            _add(stream, tree, header, extension)
            extension = _Extension({})
    raise FormatError(f"it has more than {_MAX_HEADERS} headers")


def _header(block: bytes) -> tarfile.TarInfo:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        raise FormatError("it is damaged: there is no header where one should be") from None
    if block[257:265] == _GNU_MAGIC:
        # GNU's own headers have no prefix, but sometimes times in its place.
        header.name = block[:100].partition(b"\0")[0].decode("utf-8", "surrogateescape")
    if header.size < 0:
        raise FormatError(f"{header.name!r} says that it has {header.size} bytes")
    return header


def _add(stream: Readable, tree: Tree, header: tarfile.TarInfo, extension: _Extension) -> None:
    pax = extension.pax
    name = pax.get("path") or extension.name or header.name
    target = pax.get("linkpath") or extension.target or header.linkname
    if any(key.startswith(_SPARSE) for key in pax) or header.type == tarfile.GNUTYPE_SPARSE:
        raise FormatError(f"{name!r} is a sparse file: make the archive without --sparse")
    size = _size(name, pax["size"]) if pax.get("size") else header.size
    if header.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE):
        tree.add_file(name, header.mode, size, _content(stream, size))
        return
    if size:
        raise FormatError(f"{name!r} is no file, but says that it has {size} bytes")
    if header.type == tarfile.DIRTYPE:
        tree.add_directory(name)
    elif header.type == tarfile.SYMTYPE:
        tree.add_symlink(name, target)
    elif header.type == tarfile.LNKTYPE:
        tree.add_hard_link(name, target)
    else:
        kind = _REFUSED.get(header.type, f"of the unknown type {header.type!r}")
        raise FormatError(f"{name!r} is {kind}, which a build cannot hold")


def _size(name: str, text: str) -> int:
    if not _DECIMAL.fullmatch(text):
        raise FormatError(f"{name!r} says that it has {text[:40]!r} bytes")
    return int(text)


def _content(stream: Readable, size: int) -> Iterator[bytes]:
    left = size
    while left:
        piece = stream.read(min(left, _PIECE_BYTES))
        if not piece:
            raise FormatError("it is cut short")
        left -= len(piece)
        yield piece
    _exactly(stream, -size % BLOCK)


def _data(stream: Readable, header: tarfile.TarInfo) -> bytes:
    if header.size > _MAX_EXTENSION_BYTES:
        raise FormatError(
            f"the extension of a header has {header.size} bytes; at most {_MAX_EXTENSION_BYTES}"
        )
    return b"".join(_content(stream, header.size))


def _pax(data: bytes) -> dict[str, str]:
    """The records of an extended header. Raises FormatError unless they fill it."""
    records: dict[str, str] = {}
    at = 0
    while at < len(data):
        match = _PAX_RECORD.match(data, at)
        end = at + int(match[1]) if match else 0
        if match is None or not match.end() < end <= len(data) or data[end - 1 : end] != b"\n":
            raise FormatError("an extended header is damaged")
        key = match[2].decode("utf-8", "surrogateescape")
        records[key] = data[match.end() : end - 1].decode("utf-8", "surrogateescape")
        at = end
    return records


def _check_global(pax: dict[str, str]) -> None:
    """What is said of all entries may be a comment, as of git, or a time."""
    for key in pax:
        if key in _OF_ONE_ENTRY or key.startswith(_SPARSE):
            raise FormatError(f"it gives all entries the same {key!r}")


def _with_long(extension: _Extension, kind: bytes, data: bytes) -> _Extension:
    text = data.rstrip(b"\0").decode("utf-8", "surrogateescape")
    is_name = kind == tarfile.GNUTYPE_LONGNAME
    if extension.pax or (extension.name if is_name else extension.target) is not None:
        raise FormatError("an entry has several extended headers")
    return extension._replace(name=text) if is_name else extension._replace(target=text)


def _exactly(stream: Readable, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = stream.read(size - len(data))
        if not piece:
            raise FormatError("it is cut short")
        data += piece
    return data


def _check_end(stream: Readable) -> None:
    """After the first block of zeros nothing but zeros may follow."""
    count = 0
    while piece := stream.read(_PIECE_BYTES):
        count += len(piece)
        if piece.strip(b"\0") or count > _MAX_PADDING_BYTES:
            raise FormatError("something follows after its end")
