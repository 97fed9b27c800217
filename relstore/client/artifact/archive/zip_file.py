"""Unpacking a zip: what its directory says must be what is in the file, and nothing may be said twice.

Python's zipfile reads the central directory. The contents are read here, since zipfile stops at the size that
the directory names, whatever there is. Not for the rules of names (``tree``).

https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from relstore.client.artifact.archive.source import check_ratio
from relstore.client.artifact.archive.tree import Tree
from relstore.errors import FormatError
from relstore.formats.manifest import MAX_ENTRIES
from relstore.formats.paths import MAX_TARGET_BYTES

_LOCAL_MAGIC = b"PK\x03\x04"
_END = b"PK\x05\x06"
_END_BYTES = 22
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_UTF8 = 0x800
_UNIX = 3
_PIECE_BYTES = 1024 * 1024


def unpack_zip(file: BinaryIO, tree: Tree) -> None:
    """Raises FormatError, OSError."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = sorted(archive.infolist(), key=lambda member: member.header_offset)
            end, comment = archive.start_dir, archive.comment
    except UnicodeDecodeError:
        raise FormatError("a name in it is not UTF-8") from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OverflowError) as error:
        raise FormatError(f"its directory is damaged ({error})") from None
    if len(members) > MAX_ENTRIES:
        raise FormatError(f"it has more than {MAX_ENTRIES} entries")
    _check_end(file, comment)
    check_ratio(sum(member.file_size for member in members), sum(member.compress_size for member in members))
    names = [_name(member) for member in members]
    starts = _check_places(file, members, end)
    for member, name, start in zip(members, names, starts, strict=True):
        _add(file, tree, member, name, start)


def _check_end(file: BinaryIO, comment: bytes) -> None:
    size = file.seek(0, 2)
    file.seek(max(size - _END_BYTES - len(comment), 0))
    if file.read(len(_END)) != _END:
        raise FormatError("something follows after its end")


def _name(member: zipfile.ZipInfo) -> str:
    """The name as it was written: zipfile cuts it at a NUL, and takes most for that of a DOS."""
    name = member.orig_filename
    if not member.flag_bits & _UTF8:
        name = name.encode("cp437").decode("utf-8", "surrogateescape")
    if "\\" in name:
        raise FormatError(f"{name!r} has a backslash, with which some programs separate directories")
    return name


def _check_places(file: BinaryIO, members: Sequence[zipfile.ZipInfo], end: int) -> list[int]:
    """Where each content starts. Raises FormatError where entries overlap, or are not what was announced."""
    starts: list[int] = []
    last = 0
    for member in members:
        name = member.orig_filename
        if member.header_offset < last:
            raise FormatError(f"{name!r} overlaps with another entry")
        if not starts and member.header_offset:
            raise FormatError("something stands before its first entry")
        if member.flag_bits & _ENCRYPTED:
            raise FormatError(f"{name!r} is encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FormatError(
                f"{name!r} is compressed by method {member.compress_type}; make it with deflate"
            )
        file.seek(member.header_offset)
        head = file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or not head.startswith(_LOCAL_MAGIC):
            raise FormatError(f"{name!r} is not where the directory says")
        _, _, flags, method, _, _, _, _, _, name_size, extra_size = _LOCAL.unpack(head)
        own_name = file.read(name_size)
        if own_name != _raw_name(member) or method != member.compress_type or flags & _ENCRYPTED:
            raise FormatError(f"{name!r} is not what the directory says")
        start = member.header_offset + _LOCAL.size + name_size + extra_size
        last = start + member.compress_size
        if last > end:
            raise FormatError(f"{name!r} overlaps with the directory")
        starts.append(start)
    return starts


def _raw_name(member: zipfile.ZipInfo) -> bytes:
    return member.orig_filename.encode("utf-8" if member.flag_bits & _UTF8 else "cp437")


def _add(file: BinaryIO, tree: Tree, member: zipfile.ZipInfo, name: str, start: int) -> None:
    mode = member.external_attr >> 16 if member.create_system == _UNIX else 0
    kind = stat.S_IFMT(mode)
    content = _content(file, member, start)
    if name.endswith("/") or kind == stat.S_IFDIR:
        if member.file_size:
            raise FormatError(f"{name!r} is no file, but says that it has {member.file_size} bytes")
        if kind not in (0, stat.S_IFDIR):
            raise FormatError(f"{name!r} is no file, but named like a directory")
        tree.add_directory(name)
    elif kind == stat.S_IFLNK:
        if member.file_size > MAX_TARGET_BYTES:
            raise FormatError(
                f"{name!r} is a symlink of {member.file_size} bytes; at most {MAX_TARGET_BYTES}"
            )
        tree.add_symlink(name, b"".join(content).decode("utf-8", "surrogateescape"))
    elif kind in (0, stat.S_IFREG):
        tree.add_file(name, mode, member.file_size, content)
    else:
        raise FormatError(f"{name!r} is a device, a socket or a FIFO, which a build cannot hold")


def _content(file: BinaryIO, member: zipfile.ZipInfo, start: int) -> Iterator[bytes]:
    """The pieces of a content. Raises FormatError unless it is exactly what was announced."""
    damaged = FormatError(f"the content of {member.orig_filename!r} is not what the directory says")
    size = check = 0
    for piece in _decompressed(file, member, start, damaged):
        size += len(piece)
        check = zlib.crc32(piece, check)
        if size > member.file_size:
            raise damaged
        yield piece
    if size != member.file_size or check != member.CRC:
        raise damaged


def _decompressed(
    file: BinaryIO, member: zipfile.ZipInfo, start: int, damaged: FormatError
) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS) if member.compress_type == zipfile.ZIP_DEFLATED else None
    file.seek(start)
    left = member.compress_size
    while left:
        piece = file.read(min(left, _PIECE_BYTES))
        if not piece:
            raise damaged
        left -= len(piece)
        if inflate is None:
            yield piece
            continue
        try:
            while piece:
                yield inflate.decompress(piece, _PIECE_BYTES)
                piece = inflate.unconsumed_tail
        except zlib.error:
            raise damaged from None
        if inflate.unused_data:
            raise damaged
    if inflate is not None:
        yield inflate.flush()
        if not inflate.eof:
            raise damaged
