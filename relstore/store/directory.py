"""A directory held by descriptor: every access below the store's root goes through one.

Names are single components, and a symlink is never followed, so that what somebody swaps beside the
store cannot lead a write elsewhere. It adds no durability (``durable`` does) and knows no layout.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from types import TracebackType

from relstore.errors import StoreError

_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
DIRECTORY_MODE = 0o755
SEALED_MODE = 0o555
"""Of a directory of a build: a service that runs as the same account cannot write into it by accident."""
PRIVATE_MODE = 0o700
"""Of a directory that other accounts may not look into."""


class Dir:
    """An open directory. ``path`` is for messages only; nothing is ever opened through it."""

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.path = path

    @classmethod
    def open_path(cls, path: str) -> Dir:
        """Open by path; the last component must not be a symlink. Raises OSError."""
        return cls(os.open(path, _OPEN_DIRECTORY), path)

    def __enter__(self) -> Dir:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close; a second time does nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def sub(self, name: str) -> Dir:
        """The directory ``name`` in here. Raises OSError (ENOTDIR or ELOOP for a symlink)."""
        return Dir(self._open(name, _OPEN_DIRECTORY), f"{self.path}/{name}")

    def _open(self, name: str, flags: int, mode: int = 0) -> int:
        try:
            return os.open(component(name), flags, mode, dir_fd=self.fd)
        except OSError as error:
            error.filename = f"{self.path}/{name}"  # for people, who do not see which directory it is in
            raise

    def sub_of_owner(self, name: str) -> Dir:
        """``sub``; a mode that keeps its owner out is changed first. Raises OSError."""
        try:
            return self.sub(name)
        except PermissionError:
            status = self.lstat(name)
            if status is None:
                raise
            self.make_accessible(name, status)
            return self.sub(name)

    def regain(self) -> bool:
        """Give the owner all rights on this directory; whether it lacked any and has them now."""
        mode = stat.S_IMODE(os.fstat(self.fd).st_mode)
        if mode & 0o700 == 0o700:
            return False
        try:
            os.fchmod(self.fd, mode | 0o700)
        except OSError:
            return False
        return True

    def sub_or_none(self, name: str) -> Dir | None:
        try:
            return self.sub(name)
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def below(self, names: Iterable[str]) -> Iterator[Dir]:
        """The directory that ``names`` lead to, one in the other; this one for none. Raises as ``sub``."""
        with contextlib.ExitStack() as stack:
            directory = self
            for name in names:
                directory = stack.enter_context(directory.sub(name))
            yield directory

    def make(self, name: str, mode: int = DIRECTORY_MODE) -> Dir:
        """Make the directory ``name``, of exactly ``mode`` whatever the umask, and open it."""
        os.mkdir(component(name), mode, dir_fd=self.fd)
        made = self.sub(name)
        os.fchmod(made.fd, mode)
        return made

    def make_or_open(self, name: str, mode: int = DIRECTORY_MODE) -> Dir:
        """``sub``, made first, of ``mode``, where it is missing. The making is durable when this returns."""
        try:
            return self.sub(name)
        except FileNotFoundError:
            pass
        with contextlib.suppress(FileExistsError):  # another process was faster
            self.make(name, mode).close()
            os.fsync(self.fd)
        return self.sub(name)

    def tighten(self, name: str, mode: int) -> None:
        """Take from ``name`` what rights it has beyond ``mode``, as far as that can be done."""
        status = self.lstat(name)
        if status is None or not stat.S_IMODE(status.st_mode) & ~mode:
            return
        with contextlib.suppress(OSError, StoreError):  # on a read-only file system, for example
            fd = self.sub(name).fd if stat.S_ISDIR(status.st_mode) else self.open_file(name)
            try:
                os.fchmod(fd, stat.S_IMODE(status.st_mode) & mode)
            finally:
                os.close(fd)

    def open_file(self, name: str) -> int:
        """A descriptor to read the regular file ``name``. Raises OSError, StoreError for another kind."""
        # O_NONBLOCK: a FIFO planted under the name must not hang the reader.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            fd = self._open(name, flags)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise StoreError(f"{self.path}/{name} is not a regular file") from None
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise StoreError(f"{self.path}/{name} is not a regular file")
        return fd

    def open_to_write(self, name: str, flags: int = 0, mode: int = 0o644) -> int:
        """A descriptor to read and write the regular file ``name``, with more ``flags`` of open(2).

        ``mode``: that of a file that O_CREAT makes.

        Raises OSError, StoreError for another kind, and for a file with a second name: a hard link leads out
        of the store as a symlink does.
        """
        opened = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        fd = self._open(name, opened | flags, mode)
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode) and status.st_nlink <= 1:  # 0: its name was removed meanwhile
            return fd
        os.close(fd)
        if stat.S_ISREG(status.st_mode):
            raise StoreError(
                f"{self.path}/{name} has another name too, somewhere else",
                hint=f"In {self.path}: cp -p {name} {name}.own && mv {name}.own {name}",
            )
        raise StoreError(f"{self.path}/{name} is not a regular file")

    def create_file(self, name: str, mode: int = 0o600) -> int:
        """A descriptor to write the new file ``name``. Raises FileExistsError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return self._open(name, flags, mode)

    def read(self, name: str, limit: int) -> bytes:
        """The content of the small file ``name``; StoreError when it is over ``limit`` bytes."""
        fd = self.open_file(name)
        with open(fd, "rb") as file:
            size = os.fstat(fd).st_size
            if size > limit:
                raise StoreError(f"{self.path}/{name} is larger than the {limit} bytes it may have")
            return file.read(size)

    def read_or_none(self, name: str, limit: int) -> bytes | None:
        try:
            return self.read(name, limit)
        except FileNotFoundError:
            return None

    def names(self) -> list[str]:
        """What is in here, sorted. Temporary names (``.tmp-…``) are left out."""
        return sorted(name for name in os.listdir(self.fd) if not name.startswith(TEMPORARY))

    def all_names(self) -> list[str]:
        return os.listdir(self.fd)

    def entries(self) -> Iterator[os.DirEntry[str]]:
        with os.scandir(self.fd) as entries:
            yield from entries

    def lstat(self, name: str) -> os.stat_result | None:
        """None when there is no such name."""
        try:
            return os.stat(component(name), dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def is_directory(self, name: str) -> bool:
        """Whether ``name`` is a directory, not a symlink to one."""
        status = self.lstat(name)
        return status is not None and stat.S_ISDIR(status.st_mode)

    def readlink(self, name: str) -> str | None:
        """None when there is no such name; StoreError when it is no symlink."""
        try:
            return os.readlink(component(name), dir_fd=self.fd)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise StoreError(
                    f"{self.path}/{name} should be a symlink and is not",
                    state="relstore left it alone.",
                    hint=f"Something else is there: move it away (mv {name} {name}.old in {self.path}).",
                ) from None
            raise

    def symlink(self, target: str, name: str) -> None:
        os.symlink(target, component(name), dir_fd=self.fd)

    def unlink(self, name: str) -> None:
        os.unlink(component(name), dir_fd=self.fd)

    def rmdir(self, name: str) -> None:
        os.rmdir(component(name), dir_fd=self.fd)

    def rename(self, name: str, to: Dir, new: str) -> None:
        os.rename(component(name), component(new), src_dir_fd=self.fd, dst_dir_fd=to.fd)

    def link(self, name: str, to: Dir, new: str) -> None:
        """Hard link; never through a symlink. Raises FileExistsError, OSError (EMLINK)."""
        os.link(
            component(name),
            component(new),
            src_dir_fd=self.fd,
            dst_dir_fd=to.fd,
            follow_symlinks=_LINK_WORD,
        )

    def remove_tree(self, name: str) -> None:
        """Remove whatever ``name`` is, with all below it; nothing when it is not there. Raises OSError.

        What cannot be removed stays, and the directories that lead to it; all else goes.
        """
        status = self.lstat(name)
        if status is None:
            return
        if not stat.S_ISDIR(status.st_mode):
            self.unlink(name)
            return
        self.make_accessible(name, status)
        first: OSError | None = None
        with self.sub(name) as inner:
            for child in inner.all_names():
                try:
                    inner.remove_tree(child)
                except OSError as error:
                    first = first or error
        if first is not None:
            raise first
        self.rmdir(name)

    def make_accessible(self, name: str, status: os.stat_result) -> None:
        """Give the owner all rights on the directory ``name``, if that can be done. ``status``: its lstat."""
        if stat.S_IMODE(status.st_mode) & 0o700 == 0o700:
            return
        # Without rights it can be opened only so, and changed only by way of that descriptor.
        path_only = _O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(component(name), path_only, dir_fd=self.fd)
        try:
            with contextlib.suppress(OSError):
                os.chmod(f"/proc/self/fd/{fd}", stat.S_IMODE(status.st_mode) | 0o700)
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def writable(self) -> Iterator[None]:
        """Let the owner make and remove names in here for a block, also where the directory is sealed."""
        mode = stat.S_IMODE(os.fstat(self.fd).st_mode)
        if mode & 0o200:
            yield
            return
        os.fchmod(self.fd, mode | 0o200)
        try:
            yield
        finally:
            os.fchmod(self.fd, mode)


_O_PATH = getattr(os, "O_PATH", 0o10000000)
"""open(2) of Linux; PyPy's os does not have it."""
_LINK_WORD = sys.implementation.name == "pypy"
"""What makes os.link call linkat(2) without following symlinks: False, as one would think, but PyPy
then passes a flag that linkat refuses, and passes none for True."""

TEMPORARY = ".tmp-"
"""How every temporary name begins; what a crash leaves under such a name is nobody's."""


def component(name: str) -> str:
    """``name``, when it is one path component. Raises StoreError: a bug, or an attack, stops here."""
    if not name or name in (".", "..") or "/" in name or "\0" in name:
        raise StoreError(f"{name!r} cannot be a name in a directory of the store")
    return name
