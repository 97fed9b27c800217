"""A disk that records every write and every flush in order, so that any power cut can be replayed.

It is a file that this process serves by FUSE (fuse(4), the kernel's include/uapi/linux/fuse.h), under a loop
device. What a file system sends to the device arrives here as writes, and its flushes as syncs. Needs root. Not
for judging what a crash left (``power_loss``).
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_IN = struct.Struct("<IIQQIIII")
_OUT = struct.Struct("<IiQ")
_ATTR = struct.Struct("<6Q10I")
_LOOKUP, _FORGET, _GETATTR, _SETATTR, _OPEN, _READ, _WRITE, _STATFS, _RELEASE = 1, 2, 3, 4, 14, 15, 16, 17, 18
_FSYNC, _FLUSH, _INIT, _INTERRUPT, _DESTROY, _BATCH_FORGET = 20, 25, 26, 36, 38, 42
_SILENT = (_FORGET, _INTERRUPT, _BATCH_FORGET)
_BIG_WRITES, _MAX_PAGES = 1 << 5, 1 << 22
_DIRECT_IO = 1
_ROOT, _DISK = 1, 2
_MAX_WRITE = 128 * 1024
NAME = "disk"


class Write(NamedTuple):
    """Bytes that were written to the device."""

    offset: int
    data: bytes


class Flush(NamedTuple):
    """A flush: all writes before it are on disk."""


class Disk:
    """A disk of ``size`` bytes, all zero at first; ``journal`` records what happened since."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.journal: list[Write | Flush] = []
        self._data = bytearray(size)

    def serve(self, fd: int) -> None:
        """Answer the kernel until it unmounts."""
        while True:
            try:
                request = os.read(fd, _MAX_WRITE + 4096)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                    continue
                raise
            _, operation, unique, node, *_ = _IN.unpack_from(request)
            if operation in _SILENT:
                continue
            try:
                reply, code = self._answer(operation, node, request[_IN.size :]), 0
            except OSError as error:
                reply, code = b"", -(error.errno or errno.EIO)
            os.write(fd, _OUT.pack(_OUT.size + len(reply), code, unique) + reply)

    def _answer(self, operation: int, node: int, body: bytes) -> bytes:
        if operation == _INIT:
            head = struct.pack("<IIII", 7, 31, 0, _BIG_WRITES | _MAX_PAGES)
            return (head + struct.pack("<HHIIHH", 16, 12, _MAX_WRITE, 1, _MAX_WRITE // 4096, 0)).ljust(
                64, b"\0"
            )
        if operation == _LOOKUP:
            if node != _ROOT or body.rstrip(b"\0") != NAME.encode():
                raise OSError(errno.ENOENT, "no such file")
            return struct.pack("<QQQQII", _DISK, 0, 3600, 3600, 0, 0) + self._attributes(_DISK)
        if operation in (_GETATTR, _SETATTR):
            return struct.pack("<QII", 3600, 0, 0) + self._attributes(node)
        if operation == _OPEN:
            return struct.pack("<QII", 1, _DIRECT_IO, 0)
        if operation == _READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return bytes(self._data[offset : offset + size])
        if operation == _WRITE:
            _, offset, size = struct.unpack_from("<QQI", body)
            data = body[40 : 40 + size]
            self._data[offset : offset + size] = data
            self.journal.append(Write(offset, data))
            return struct.pack("<II", size, 0)
        if operation == _FSYNC:
            self.journal.append(Flush())
            return b""
        if operation in (_FLUSH, _RELEASE, _DESTROY):
            return b""
        if operation == _STATFS:
            return struct.pack("<5Q4I", 1 << 20, 1 << 20, 1 << 20, 10, 10, 4096, 255, 4096, 0).ljust(
                80, b"\0"
            )
        raise OSError(errno.ENOSYS, "not needed")

    def _attributes(self, node: int) -> bytes:
        kind = stat.S_IFDIR | 0o755 if node == _ROOT else stat.S_IFREG | 0o600
        size = 0 if node == _ROOT else self.size
        return _ATTR.pack(node, size, size // 512, 0, 0, 0, 0, 0, 0, kind, 1, 0, 0, 0, 4096, 0)


@contextmanager
def attached(disk: Disk, directory: Path) -> Iterator[str]:
    """A loop device on top of the disk."""
    place = directory / "fuse"
    place.mkdir()
    fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    server = threading.Thread(target=disk.serve, args=(fd,), daemon=True)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"relstore-proof", str(place).encode(), b"fuse", 0, options) != 0:
        os.close(fd)
        raise OSError(ctypes.get_errno(), "the disk's file cannot be mounted")
    server.start()
    try:
        with loop(place / NAME) as device:
            yield device
    finally:
        subprocess.run(["umount", str(place)], check=True)
        server.join(10)
        os.close(fd)


@contextmanager
def loop(file: Path) -> Iterator[str]:
    """A loop device on top of a file."""
    found = subprocess.run(
        ["losetup", "--find", "--show", str(file)], check=True, stdout=subprocess.PIPE, text=True
    )
    device = found.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


@contextmanager
def mounted(device: str, place: Path, kind: str) -> Iterator[Path]:
    """The device's file system, mounted at ``place``."""
    place.mkdir(exist_ok=True)
    options = ["-o", "nouuid"] if kind == "xfs" else []
    words = ["mount", "-t", kind, *options, device, str(place)]
    subprocess.run(words, check=True, stderr=subprocess.PIPE, text=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
