"""Making archives byte by byte, so that they can say what no program writes."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib

BLOCK = 512
END = bytes(2 * BLOCK)


def header(
    name: str | bytes = "file",
    size: int | bytes = 0,
    kind: bytes = b"0",
    target: str | bytes = b"",
    mode: int = 0o644,
    prefix: bytes = b"",
    magic: bytes = b"ustar\x0000",
) -> bytes:
    """One header with its check sum."""
    name, target = (text.encode() if isinstance(text, str) else text for text in (name, target))
    number = size if isinstance(size, bytes) else b"%011o\0" % size
    block = (
        name.ljust(100, b"\0")
        + b"%07o\0" % mode
        + b"0000000\0" * 2
        + number.ljust(12, b"\0")
        + b"00000000000\0"
        + b" " * 8
        + kind
        + target.ljust(100, b"\0")
        + magic
        + bytes(32 + 32 + 16)
        + prefix.ljust(155, b"\0")
    ).ljust(BLOCK, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def entry(name: str | bytes = "file", data: bytes = b"", **more: object) -> bytes:
    return header(name, len(data), **more) + padded(data)  # type: ignore[arg-type]


def directory(name: str) -> bytes:
    return header(name, kind=b"5", mode=0o755)


def symlink(name: str, target: str) -> bytes:
    return header(name, kind=b"2", target=target)


def hard_link(name: str, target: str) -> bytes:
    return header(name, kind=b"1", target=target)


def pax(records: dict[str, str | bytes], kind: bytes = b"x") -> bytes:
    data = b"".join(record(key, value) for key, value in records.items())
    return header("pax", len(data), kind=kind) + padded(data)


def record(key: str, value: str | bytes) -> bytes:
    text = b" " + key.encode() + b"=" + (value.encode() if isinstance(value, str) else value) + b"\n"
    size = len(text)
    while size != len(text) + len(str(size)):
        size = len(text) + len(str(size))
    return str(size).encode() + text


def long_name(name: bytes, kind: bytes = b"L") -> bytes:
    return header("././@LongLink", len(name) + 1, kind=kind, magic=b"ustar  \0") + padded(name + b"\0")


def tar_of(*names: str) -> bytes:
    """What Python writes."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return file.getvalue()


def zip_of(
    *entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b""
) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
        archive.comment = comment
    return file.getvalue()


def zip_entry(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr, info.create_system = mode << 16, 3
    return info


def raw_zip(*entries: RawEntry) -> bytes:
    """A zip whose parts need not agree."""
    body, listed = b"", b""
    for one in entries:
        offset = len(body) if one.offset is None else one.offset
        body += one.local()
        listed += one.central(offset)
    end = struct.pack(
        "<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(entries), len(entries), len(listed), len(body), 0
    )
    return body + listed + end


class RawEntry:
    """A file in a zip, and what is said of it in either place."""

    def __init__(
        self,
        name: bytes = b"file",
        data: bytes = b"content",
        *,
        local_name: bytes | None = None,
        offset: int | None = None,
        size: int | None = None,
        crc: int | None = None,
        flags: int = 0,
        method: int = 8,
        packed: bytes | None = None,
        packed_size: int | None = None,
        extra: bytes = b"",
        mode: int = 0o100644,
    ) -> None:
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        self.name, self.local_name, self.offset = name, name if local_name is None else local_name, offset
        self.packed = deflate.compress(data) + deflate.flush() if packed is None else packed
        self.packed_size = len(self.packed) if packed_size is None else packed_size
        self.size = len(data) if size is None else size
        self.crc = zlib.crc32(data) if crc is None else crc
        self.flags, self.method, self.extra, self.mode = flags, method, extra, mode

    def local(self) -> bytes:
        fixed = struct.pack(
            "<4sHHHHHIIIHH", b"PK\x03\x04", 20, self.flags, self.method, 0, 0x21, self.crc, len(self.packed),
            self.size, len(self.local_name), 0,
        )  # fmt: skip
        return fixed + self.local_name + self.packed

    def central(self, offset: int) -> bytes:
        fixed = struct.pack(
            "<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 3 << 8 | 20, 20, self.flags, self.method, 0, 0x21, self.crc,
            self.packed_size, self.size, len(self.name), len(self.extra), 0, 0, 0, self.mode << 16, offset,
        )  # fmt: skip
        return fixed + self.name + self.extra
