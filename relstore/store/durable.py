"""Durable writes: every byte and name that a promise rests on is written through here.

The recipe: nothing is named before its bytes are on disk, and no rename counts before its directory
is synced. ``syncfs`` makes a batch durable at once; it tells of write errors only from Linux 5.8 on
(syncfs(2)), so elsewhere each file is fsynced. An error of any sync is passed on and never retried:
the kernel may have dropped the pages, and a second fsync would then succeed over lost data
(https://wiki.postgresql.org/wiki/Fsync_Errors).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from functools import cached_property
from typing import Any, Callable, Optional

from relstore.formats.names import random_suffix
from relstore.store.directory import TEMPORARY, Dir

SyncFs = Optional[Callable[[int], None]]


def load_syncfs(release: str) -> SyncFs:
    """``syncfs`` for a kernel of ``release`` (``6.1.0-13-amd64``), or None where it cannot be relied on."""
    if not _at_least(release, (5, 8)):
        return None
    try:
        import ctypes

        function = ctypes.CDLL(None, use_errno=True).syncfs
    except (
        ImportError,
        OSError,
        AttributeError,
    ):  # no ctypes (python3-minimal), no such libc function
        return None

    def syncfs(fd: int) -> None:
        if function(fd) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    return syncfs


class Durability:
    """How files are made durable on this kernel: in one batch, or one by one."""

    def __init__(self, syncfs: SyncFs) -> None:
        self._find: Callable[[], SyncFs] = lambda: syncfs

    @classmethod
    def detect(cls) -> Durability:
        """It looks when something is first written: many sessions only read, and ctypes takes time."""
        detected = cls(None)
        detected._find = lambda: load_syncfs(os.uname().release)
        return detected

    @cached_property
    def _syncfs(self) -> SyncFs:
        return self._find()

    def file_written(self, fd: int) -> None:
        """After the last byte of a file of a batch: durable now, or at the next ``barrier``."""
        if self._syncfs is None:
            os.fsync(fd)

    def directory_filled(self, directory: Dir) -> None:
        """After the last name was made in a directory of a batch."""
        if self._syncfs is None:
            os.fsync(directory.fd)

    def barrier(self, directory: Dir) -> None:
        """When this returns, all that was written to the batch is on disk."""
        if self._syncfs is not None:
            self._syncfs(directory.fd)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """write(2) until all is written; a short write is no error by itself."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_directory(directory: Dir) -> None:
    """What was renamed, linked or unlinked in it is on disk when this returns."""
    os.fsync(directory.fd)


def replace_file(directory: Dir, name: str, data: bytes, mode: int = 0o644) -> None:
    """``name`` has all of ``data`` or stays what it was, also across a power cut."""
    _rename_temporary(directory, _write_temporary(directory, data, mode), name)
    sync_directory(directory)


def put_file(directory: Dir, name: str, data: bytes, mode: int = 0o644) -> None:
    """Whoever reads ``name`` finds all of ``data`` or what it was; after a power cut also nothing."""
    _rename_temporary(directory, _write_temporary(directory, data, mode, sync=False), name)


def create_file(directory: Dir, name: str, data: bytes, mode: int = 0o444) -> None:
    """As ``replace_file``, but ``name`` must be new. Raises FileExistsError: somebody was faster."""
    temporary = _write_temporary(directory, data, mode)
    try:
        directory.link(temporary, directory, name)
    finally:
        directory.unlink(temporary)
    sync_directory(directory)


def replace_symlink(directory: Dir, name: str, target: str, durability: Durability) -> None:
    """Make ``name`` point to ``target`` with rename(2) alone: there is no moment without a link."""
    temporary = TEMPORARY + random_suffix()
    directory.symlink(target, temporary)
    try:
        # A symlink cannot be fsynced; before 2022 btrfs could leave an empty one after a power cut.
        durability.directory_filled(directory)
        durability.barrier(directory)
        directory.rename(temporary, directory, name)
    except OSError:
        with contextlib.suppress(OSError):
            directory.unlink(temporary)
        raise
    sync_directory(directory)


def remove_name(directory: Dir, name: str) -> None:
    """Unlink durably; nothing when it is not there."""
    remove_names(directory, [name])


def remove_names(directory: Dir, names: Iterable[str]) -> None:
    """As ``remove_name``, all of them with one sync."""
    removed = False
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            directory.unlink(name)
            removed = True
    if removed:
        sync_directory(directory)


def _rename_temporary(directory: Dir, temporary: str, name: str) -> None:
    try:
        directory.rename(temporary, directory, name)
    except OSError:
        directory.unlink(temporary)
        raise


def _write_temporary(directory: Dir, data: bytes, mode: int, *, sync: bool = True) -> str:
    temporary = TEMPORARY + random_suffix()
    fd = directory.create_file(temporary)
    try:
        write_all(fd, data)
        os.fchmod(fd, mode)
        if sync:
            os.fsync(fd)
    except OSError:
        directory.unlink(temporary)
        raise
    finally:
        os.close(fd)
    return temporary


def _at_least(release: str, wanted: tuple[int, int]) -> bool:
    numbers = release.split(".")[:2]
    try:
        return (int(numbers[0]), int(numbers[1].split("-")[0])) >= wanted
    except (IndexError, ValueError):
        return False


def allocate(fd: int, size: int) -> None:
    """Give an open file its blocks, up to ``size`` bytes. Raises OSError."""
    posix_fallocate: Any = os.posix_fallocate
    code = posix_fallocate(fd, 0, size)
    if code:  # PyPy returns what CPython raises
        raise OSError(code, os.strerror(code))
