"""What a patch has to know of an ELF program: where it is in memory, and where its tables of addresses are.

Only program headers are read, what the dynamic linker is told, and the first bytes of ``.eh_frame_hdr``. No
byte is trusted: of anything unusual, nothing is known. Not for what follows for a patch (``arrangement``).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from relstore.client.transfer.delta.matcher import Mapped
from relstore.formats.patch_layout import MAX_REGIONS, Region

_HEADER, _PROGRAM = struct.Struct("<16sHHIQQQIHHH"), struct.Struct("<IIQQQQQQ")
_IDENT = b"\x7fELF\x02\x01\x01"
"""64 bits, little-endian, version 1."""
_LOAD, _DYNAMIC, _EH_FRAME = 1, 2, 0x6474E550
_ENTRY = struct.Struct("<QQ")
_RELA, _RELASZ, _RELAENT = 7, 8, 9
_MOST_HEADERS, _MOST_ENTRIES = 256, 1024
_TABLE = struct.Struct("<4sII")
_SEARCHABLE = b"\x01\x1b\x03\x3b"
"""The only encoding of the table that linkers write: numbers of four bytes, relative to the header."""
FUNCTION_BYTES, RELOCATION_BYTES = 8, 24
"""Of a row: two numbers of four bytes, or three of eight."""


class AddressTable(NamedTuple):
    """Rows of numbers in a file, all of one size."""

    offset: int
    rows: int
    address: int
    """What its numbers are relative to."""


class Program(NamedTuple):
    """What matters of one ELF file."""

    machine: int
    regions: tuple[Region, ...]
    end: int
    """The first address behind everything, also what is not in the file."""
    functions: AddressTable | None
    """The table of ``.eh_frame_hdr``."""
    relocations: AddressTable | None
    """That of ``.rela.dyn``."""


def program_of(file: Mapped) -> Program | None:
    """What an ELF file is like; None for anything else, and for an unusual one."""
    size = len(file)
    if size < _HEADER.size:
        return None
    ident, _, machine, _, _, at, _, _, _, entry_bytes, count = _HEADER.unpack_from(file)
    if not ident.startswith(_IDENT) or entry_bytes != _PROGRAM.size or not 0 < count <= _MOST_HEADERS:
        return None
    if at > size - count * _PROGRAM.size:
        return None
    regions, end, functions, dynamic = [], 0, None, None
    for number in range(count):
        kind, _, offset, address, _, length, whole, _ = _PROGRAM.unpack_from(
            file, at + number * _PROGRAM.size
        )
        if offset > size or length > size - offset:
            return None
        if kind == _LOAD:
            end = max(end, address + max(whole, length))
            if length:
                regions.append(Region(offset, length, address))
        elif kind == _EH_FRAME:
            functions = _functions(file, offset, length, address)
        elif kind == _DYNAMIC:
            dynamic = (offset, length)
    if not regions or not _ascending(regions) or len(regions) > MAX_REGIONS:
        return None
    relocations = _relocations(file, regions, *dynamic) if dynamic else None
    return Program(machine, tuple(regions), end, functions, relocations)


def position_of(regions: Sequence[Region], address: int) -> int | None:
    """Where in the file an address is; None if it is not in the file."""
    region = next((region for region in regions if 0 <= address - region.address < region.size), None)
    return None if region is None else address - region.address + region.offset


def _ascending(regions: Sequence[Region]) -> bool:
    """Whether they are in the same order in the file and in memory, and none overlaps another in either."""
    return all(
        before.offset + before.size <= after.offset and before.address + before.size <= after.address
        for before, after in pairwise(regions)
    )


def _functions(file: Mapped, offset: int, length: int, address: int) -> AddressTable | None:
    if length < _TABLE.size:
        return None
    encoding, _, count = _TABLE.unpack_from(file, offset)
    if encoding != _SEARCHABLE or count > (length - _TABLE.size) // FUNCTION_BYTES:
        return None
    return AddressTable(offset + _TABLE.size, count, address)


def _relocations(file: Mapped, regions: Sequence[Region], offset: int, length: int) -> AddressTable | None:
    told: dict[int, int] = {}
    for number in range(min(length // _ENTRY.size, _MOST_ENTRIES)):
        tag, value = _ENTRY.unpack_from(file, offset + number * _ENTRY.size)
        told.setdefault(tag, value)
    size = told.get(_RELASZ, 0)
    at = position_of(regions, told.get(_RELA, 0))
    if at is None or not size or told.get(_RELAENT) != RELOCATION_BYTES or size > len(file) - at:
        return None
    return AddressTable(at, size // RELOCATION_BYTES, 0)
