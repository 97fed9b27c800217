"""What the executables of a build need of a host: a machine, a dynamic loader, an interpreter.

Reads the first bytes of each: ELF (elf(5)), Mach-O, PE, and ``#!`` lines. What it does not recognise stays
empty. Whether a host has what they need, the host is asked (``operations.preflight``). Not for libraries.
"""

from __future__ import annotations

import struct

from relstore.client.artifact.read_file import open_regular, unreadable
from relstore.client.artifact.scan import Scan
from relstore.formats.executable import Executable

HEAD_BYTES = 64 * 1024
_MACHINES = {
    (62, 64): "x86_64", (3, 32): "i686", (183, 64): "aarch64", (40, 32): "arm", (243, 64): "riscv64",
    (243, 32): "riscv32", (22, 64): "s390x", (20, 32): "ppc", (258, 64): "loongarch64", (8, 32): "mips",
    (8, 64): "mips64",
}  # fmt: skip
"""By e_machine and class, as ``uname -m`` prints it."""
_POWERPC64 = 21
_PT_INTERP = 3
_MAX_SEGMENTS = 256
_MACH_O = (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe")
_FAT = b"\xca\xfe\xba\xbe"
_FAT_AT_MOST = 20
"""Java classes begin with the same magic number; their version, which follows it, is larger."""


def programs(scan: Scan) -> list[Executable]:
    """The executables of a build whose format is known. Raises ArtifactError."""
    recognised = []
    for file in scan.manifest.files():
        if not (file.content.executable and file.content.size):
            continue
        try:
            with open(scan.sources[file.content.blake3], "rb", opener=open_regular) as source:
                program = parse(file.path, source.read(HEAD_BYTES))
        except OSError as error:
            raise unreadable(scan.artifact, error) from None
        if program is not None:
            recognised.append(program)
    return recognised


def parse(path: str, head: bytes) -> Executable | None:
    """From a file's first bytes, however hostile; None when it is not a program of a known format."""
    if head.startswith(b"\x7fELF"):
        return _elf(path, head)
    if head.startswith(b"#!"):
        return _script(path, head)
    if head.startswith(_MACH_O):
        return Executable(path, "macos")
    if head.startswith(_FAT) and 0 < int.from_bytes(head[4:8], "big") <= _FAT_AT_MOST:
        return Executable(path, "macos")
    if head.startswith(b"MZ"):
        return Executable(path, "windows")
    return None


def _script(path: str, head: bytes) -> Executable | None:
    line = head[2:256].partition(b"\n")[0]
    words = line.split()
    if not words or not words[0].startswith(b"/"):
        return None
    try:
        return Executable(path, "", interpreter=words[0].decode("utf-8") + "\r" * line.endswith(b"\r"))
    except UnicodeDecodeError:
        return None


def _elf(path: str, head: bytes) -> Executable | None:
    if len(head) < 52:
        return None
    bits = {1: 32, 2: 64}.get(head[4], 0)
    order = {1: "<", 2: ">"}.get(head[5], "")
    if not bits or not order:
        return None
    (number,) = struct.unpack_from(f"{order}H", head, 18)
    machine = _MACHINES.get((number, bits), "")
    if number == _POWERPC64:
        machine = "ppc64le" if order == "<" else "ppc64"
    return Executable(path, machine, _loader(head, bits, order))


def _loader(head: bytes, bits: int, order: str) -> str:
    """PT_INTERP, if it is among the first bytes, where linkers put it."""
    try:
        if bits == 64:
            (table,) = struct.unpack_from(f"{order}Q", head, 32)
            size, count = struct.unpack_from(f"{order}HH", head, 54)
        else:
            (table,) = struct.unpack_from(f"{order}I", head, 28)
            size, count = struct.unpack_from(f"{order}HH", head, 42)
        for number in range(min(count, _MAX_SEGMENTS)):
            at = table + number * size
            (kind,) = struct.unpack_from(f"{order}I", head, at)
            if kind != _PT_INTERP:
                continue
            if bits == 64:
                (offset,) = struct.unpack_from(f"{order}Q", head, at + 8)
                (length,) = struct.unpack_from(f"{order}Q", head, at + 32)
            else:
                offset, _, _, length = struct.unpack_from(f"{order}IIII", head, at + 4)
            return head[offset : offset + length].partition(b"\0")[0].decode("ascii")
    except (struct.error, UnicodeDecodeError, OverflowError):
        pass
    return ""
