"""What executables need of a host: real ones, made-up heads, and anything at all."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relstore.client.artifact.executables import HEAD_BYTES, parse, programs
from relstore.client.artifact.scan import scan
from relstore.formats.executable import Executable

MACHINE = os.uname().machine


def elf(number: int, *, bits: int = 64, order: str = "<", loader: bytes = b"") -> bytes:
    """An ELF head of one segment, PT_INTERP when there is a ``loader``."""
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    size, table, entry = (64, 64, 56) if bits == 64 else (52, 52, 32)
    kind = 3 if loader else 1
    at = table + entry
    if bits == 64:
        head = struct.pack(f"{order}HHIQQQIHHHHHH", 2, number, 1, 0, table, 0, 0, size, entry, 1, 0, 0, 0)
        segment = struct.pack(f"{order}IIQQQQQQ", kind, 4, at, 0, 0, len(loader) + 1, len(loader) + 1, 1)
    else:
        head = struct.pack(f"{order}HHIIIIIHHHHHH", 2, number, 1, 0, table, 0, 0, size, entry, 1, 0, 0, 0)
        segment = struct.pack(f"{order}IIIIIIII", kind, at, 0, 0, len(loader) + 1, len(loader) + 1, 4, 1)
    return ident + head + segment + loader + b"\0"


@pytest.mark.parametrize(
    ("head", "machine", "loader", "interpreter"),
    [
        (elf(62), "x86_64", "", ""),
        (elf(62, loader=b"/lib64/ld-linux-x86-64.so.2"), "x86_64", "/lib64/ld-linux-x86-64.so.2", ""),
        (elf(183, loader=b"/lib/ld-musl-aarch64.so.1"), "aarch64", "/lib/ld-musl-aarch64.so.1", ""),
        (elf(40, bits=32, loader=b"/lib/ld-linux-armhf.so.3"), "arm", "/lib/ld-linux-armhf.so.3", ""),
        (elf(3, bits=32), "i686", "", ""),
        (elf(243), "riscv64", "", ""),
        (elf(22, order=">", loader=b"/lib/ld64.so.1"), "s390x", "/lib/ld64.so.1", ""),
        (elf(21), "ppc64le", "", ""),
        (elf(21, order=">"), "ppc64", "", ""),
        (elf(9999), "", "", ""),
        (elf(62, loader=b"\xff\xfe"), "x86_64", "", ""),
        (b"#!/bin/sh\n", "", "", "/bin/sh"),
        (b"#! /usr/bin/env python3\n", "", "", "/usr/bin/env"),
        (b"#!/bin/sh -e\r\n", "", "", "/bin/sh\r"),
        (b"#!/usr/bin/python3 -I", "", "", "/usr/bin/python3"),
        (b"\xcf\xfa\xed\xfe" + bytes(60), "macos", "", ""),
        (b"\xca\xfe\xba\xbe\x00\x00\x00\x02", "macos", "", ""),
        (b"MZ" + bytes(60), "windows", "", ""),
    ],
)
def test_heads(head: bytes, machine: str, loader: str, interpreter: str) -> None:
    assert parse("a/b", head) == Executable("a/b", machine, loader, interpreter)


@pytest.mark.parametrize(
    "head",
    [b"", b"text", b"\x7fELF", b"\x7fELF" + bytes(60), b"#!", b"#! \n", b"#!relative\n", b"#!/\xff\n",
     b"\xca\xfe\xba\xbe\x00\x00\x00\x41", b"\xca\xfe\xba\xbe"],
)  # fmt: skip
def test_what_is_no_program_that_we_know(head: bytes) -> None:
    assert parse("x", head) is None


@given(st.binary(max_size=400))
def test_random_bytes_do_no_harm(data: bytes) -> None:
    parse("x", b"\x7fELF" + data)
    parse("x", b"#!" + data)


@given(st.integers(0, 150), st.binary(min_size=1, max_size=8))
def test_changed_heads_do_no_harm(at: int, change: bytes) -> None:
    for head in (elf(62, loader=b"/lib64/ld.so"), elf(40, bits=32, loader=b"/lib/ld.so")):
        parse("x", head[:at] + change + head[at + len(change) :])


def test_programs_of_this_machine() -> None:
    for path in (Path("/bin/ls"), Path(sys.executable).resolve()):
        found = parse("x", path.read_bytes()[:HEAD_BYTES])
        assert found is not None
        assert found.machine == MACHINE
        assert Path(found.loader).exists()


def test_only_the_executables_of_a_build_are_looked_at(tmp_path: Path) -> None:
    for name, mode in (("run", 0o755), ("data", 0o644), ("empty", 0o755)):
        (tmp_path / name).write_bytes(b"" if name == "empty" else b"#!/bin/sh\n")
        (tmp_path / name).chmod(mode)
    assert programs(scan(tmp_path)) == [Executable("run", "", "", "/bin/sh")]
