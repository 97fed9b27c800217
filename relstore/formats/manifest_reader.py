"""Reads a manifest: its bytes in, its entries out, refusing everything that encoding would not write.

A manifest has entries of four shapes, whose msgpack is read here by hand: on a host, where msgpack is plain
Python, this takes a third of the time, and the C form on a client is no faster, since it must encode
everything again to prove that it is canonical. Here every length and number is only accepted in its one
shortest form. The rules about paths and contents are checked on the way. ``docs/formats/manifest.md`` has the
format; the tests hold this to a reader made of msgpack. Not for writing (``manifest``).
"""

from __future__ import annotations

from typing import NamedTuple

from relstore.errors import FormatError
from relstore.formats import pack, paths
from relstore.formats.entries import (
    DIRECTORY,
    EMPTY_BLAKE3,
    EMPTY_SHA256,
    FILE_OF_KIND,
    MAGIC,
    MAX_BYTES,
    MAX_ENTRIES,
    MAX_FILE_BYTES,
    SYMLINK,
    VERSION,
    VERSION_WITH_COPIES,
    Directory,
    Entry,
    File,
    ObjectRef,
    Symlink,
)
from relstore.formats.names import Digest

_PAIR, _TRIPLE, _QUINTUPLE = 0x92, 0x93, 0x95
"""The headers of the arrays of two, three and five items."""
_FIXSTR, _STR_8, _STR_16 = 0xA0, 0xD9, 0xDA
_DIGEST_HEADER = b"\xc4\x20"
"""Of 32 bytes."""
_INTEGERS = {0xCC: (1, 0x80), 0xCD: (2, 0x100), 0xCE: (4, 0x10000), 0xCF: (8, 0x100000000)}
"""By its header, how many bytes a number has, and the least that has no shorter form."""
_FIXINT = 0x80
"""Numbers below are their own header."""
_NO_NAMES = (b"", b".", b"..")
_MAX_HEADER_BYTES = 64


class _Header(NamedTuple):
    version: int
    entries: int
    length: int
    """Of the header itself, in bytes."""


def read(raw: bytes) -> list[Entry]:
    """The entries of the manifest whose one encoding is ``raw``. Raises FormatError."""
    if len(raw) > MAX_BYTES:
        raise FormatError(f"a manifest of {len(raw)} bytes; at most {MAX_BYTES}")
    header = _read_header(raw)
    try:
        found, copies = _read_entries(raw, header)
    except IndexError:
        raise FormatError("a manifest that was cut short") from None
    except UnicodeDecodeError:
        raise FormatError("a manifest with text that is not UTF-8") from None
    version = VERSION_WITH_COPIES if copies else VERSION
    if header.version != version:
        raise FormatError(f"a manifest of version {header.version} that should have version {version}")
    return found


def _read_header(raw: bytes) -> _Header:
    values = pack.decode_stream(raw[:_MAX_HEADER_BYTES], what="manifest", limit=_MAX_HEADER_BYTES)
    header = next(values, None)
    if not isinstance(header, list) or len(header) != 3 or header[0] != MAGIC:
        raise FormatError("not a manifest: it does not begin like one")
    _, version, count = header
    if type(version) is not int or version not in (VERSION, VERSION_WITH_COPIES):
        known = f"{VERSION} and {VERSION_WITH_COPIES}"
        raise FormatError(f"a manifest of version {version!r}; this relstore knows {known}")
    if type(count) is not int or not 1 <= count <= MAX_ENTRIES:
        raise FormatError(f"a manifest of {count!r} entries; 1 to {MAX_ENTRIES}")
    return _Header(version, count, len(pack.encode(header)))


def _read_entries(raw: bytes, header: _Header) -> tuple[list[Entry], bool]:
    """The entries, and whether any file of them is a copy. Raises IndexError where ``raw`` ends too early."""
    # One function, which calls nothing of ours for an ordinary file: it runs for every entry of every push.
    new, at = tuple.__new__, header.length
    found: list[Entry] = []
    depths = {b"": 0}
    """Of each directory so far, the number of parts of its path."""
    contents = {EMPTY_BLAKE3.raw: (0, EMPTY_SHA256)}
    any_copies = False
    last = b""
    for _ in range(header.entries):
        shape, length = raw[at], raw[at + 1]
        at += 2
        if _FIXSTR <= length < _FIXSTR + 32:
            length -= _FIXSTR
        else:
            length, at = _long_length(raw, length, at)
        encoded = raw[at : at + length]
        at += length
        path = encoded.decode()
        kind = raw[at]
        at += 1
        above, slash, name = encoded.rpartition(b"/")
        depth = depths.get(above)
        if depth is None or (slash and not above) or encoded <= last or name in _NO_NAMES:
            raise _misplaced(path, encoded, last)
        # What is above is a path already, so that only its last part is new.
        if (
            depth >= paths.MAX_DEPTH
            or length > paths.MAX_PATH_BYTES
            or len(name) > paths.MAX_PART_BYTES
            or name.translate(None, paths.CONTROL) != name
        ):
            paths.check_path(path)
        last = encoded
        if shape == _QUINTUPLE and kind in FILE_OF_KIND:
            size = raw[at]
            at += 1
            if size >= _FIXINT:
                size, at = _large_number(raw, size, at)
            if raw[at : at + 2] != _DIGEST_HEADER or raw[at + 34 : at + 36] != _DIGEST_HEADER:
                raise FormatError(f"{path!r} has a digest that is not 32 bytes")
            blake3, sha256 = raw[at + 2 : at + 34], raw[at + 36 : at + 68]
            at += 68
            executable, copied = FILE_OF_KIND[kind]
            claim = (size, sha256)
            if contents.setdefault(blake3, claim) != claim:
                raise FormatError(f"{path!r} gives the same object a different size or SHA-256")
            if not size or copied or size > MAX_FILE_BYTES:
                _check_file(path, size, blake3, copied)
                any_copies = any_copies or copied
            ref = new(ObjectRef, (Digest(blake3.hex()), sha256, size, executable))
            found.append(new(File, (path, ref, copied)))
        elif shape == _PAIR and kind == DIRECTORY:
            depths[encoded] = depth + 1
            found.append(new(Directory, (path,)))
        elif shape == _TRIPLE and kind == SYMLINK:
            target, at = _read_target(raw, at)
            found.append(new(Symlink, (path, target)))
        else:
            raise FormatError(f"{path!r} is of a kind that a build cannot hold")
    if at > len(raw):
        raise IndexError
    if at < len(raw):
        raise FormatError(f"a manifest with more than the {header.entries} entries that it announces")
    return found, any_copies


def _long_length(raw: bytes, code: int, at: int) -> tuple[int, int]:
    """The length of a text of 32 bytes or more whose header is ``code``, and where the text begins."""
    if code == _STR_8 and raw[at] >= 32:
        return raw[at], at + 1
    if code == _STR_16 and raw[at]:
        return raw[at] << 8 | raw[at + 1], at + 2
    raise FormatError("a manifest entry without a path in canonical form")


def _large_number(raw: bytes, code: int, at: int) -> tuple[int, int]:
    """The number of 128 or more whose header is ``code``, and where the next value begins."""
    width, least = _INTEGERS.get(code, (0, 1))
    number = int.from_bytes(raw[at : at + width], "big")
    if number < least:
        raise FormatError("a manifest entry without a size in canonical form")
    return number, at + width


def _read_target(raw: bytes, at: int) -> tuple[str, int]:
    """The target of a symlink, and where the next value begins."""
    code = raw[at]
    if _FIXSTR <= code < _FIXSTR + 32:
        length, at = code - _FIXSTR, at + 1
    else:
        length, at = _long_length(raw, code, at + 1)
    target = raw[at : at + length].decode()
    paths.check_target(target)
    return target, at + length


def _check_file(path: str, size: int, blake3: bytes, copied: bool) -> None:
    """The rules for what is not an ordinary file of some bytes."""
    if size > MAX_FILE_BYTES:
        raise FormatError(f"{path!r} has {size} bytes; at most {MAX_FILE_BYTES}")
    if not size and blake3 != EMPTY_BLAKE3.raw:
        raise FormatError(f"{path!r}: its size and its digest do not agree on whether it is empty")
    if copied and not size:
        raise FormatError(f"{path!r} is empty, and so it is always a file of its own")


def _misplaced(path: str, encoded: bytes, last: bytes) -> FormatError:
    """Why an entry cannot come after ``last``, or not at all."""
    paths.check_path(path)
    if encoded == last:
        return FormatError(f"{path!r} is listed twice")
    if encoded < last:
        return FormatError(f"{path!r} is out of order")
    return FormatError(f"{path!r} is not in a directory of the build")
