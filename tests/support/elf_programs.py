"""ELF programs as linkers make them, of nothing but a seed: code, its table of functions, relocations and data."""

from __future__ import annotations

import struct

from tests.support.moved_programs import release, starts_of

_HEADER, _PROGRAM = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
HEADERS = 5
CODE_LIFT, DATA_LIFT = 0x1000, 0x2000
"""How much higher code and data are in memory than in the file."""
_RELATIVE = 8


def elf_release(number: int, machine: int = 62) -> bytes:
    """Release ``number`` of a program for x86-64."""
    code, starts = release(number), starts_of(number)
    pointed = [starts[index * 7 % len(starts)] for index in range(700)]
    begin = _HEADER.size + HEADERS * _PROGRAM.size
    table_at = begin + 24 * len(pointed)
    frames_at = table_at + 12 + 8 * len(starts)
    code_at = -(-(frames_at + 16 * len(starts)) // 64) * 64
    data_at = code_at + len(code)
    data_at += -data_at % 64
    where = [code_at + CODE_LIFT + start for start in starts]
    words = [data_at + DATA_LIFT + 24 * index for index in range(len(pointed))]
    rela = b"".join(
        struct.pack("<QQQ", word, _RELATIVE, code_at + CODE_LIFT + target)
        for word, target in zip(words, pointed, strict=True)
    )
    table = b"\x01\x1b\x03\x3b" + struct.pack("<iI", frames_at - table_at - 4, len(starts))
    frames = b""
    for index, start in enumerate(where):
        table += struct.pack("<ii", start - table_at, frames_at + 16 * index - table_at)
        end = where[index + 1] if index + 1 < len(where) else data_at + CODE_LIFT
        frames += struct.pack("<IIiI", 12, 16 * index + 4, start - (frames_at + 16 * index + 8), end - start)
    values = b"".join(struct.pack("<QQQ", 0, 24 + index % 3, index % 5) for index in range(len(pointed)))
    dynamic = struct.pack("<8Q", 7, begin, 8, len(rela), 9, 24, 0, 0)
    headers = [
        _PROGRAM.pack(1, 4, 0, 0, 0, code_at, code_at, 0x1000),
        _PROGRAM.pack(1, 5, code_at, code_at + CODE_LIFT, 0, len(code), len(code), 0x1000),
        _PROGRAM.pack(
            1, 6, data_at, data_at + DATA_LIFT, 0, len(values + dynamic), len(values) + 9_999, 0x1000
        ),
        _PROGRAM.pack(2, 6, data_at + len(values), data_at + len(values) + DATA_LIFT, 0, 64, 64, 8),
        _PROGRAM.pack(0x6474E550, 4, table_at, table_at, 0, len(table), len(table), 4),
    ]
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = _HEADER.pack(ident, 3, machine, 1, where[0], 64, 0, 0, 64, 56, HEADERS, 64, 0, 0)
    parts = [
        (0, header + b"".join(headers) + rela + table + frames),
        (code_at, code),
        (data_at, values + dynamic),
    ]
    assert len(parts[0][1]) <= code_at
    assert len(code) <= data_at
    program = bytearray(data_at + len(values + dynamic))
    for at, part in parts:
        program[at : at + len(part)] = part
    return bytes(program)
