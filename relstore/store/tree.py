"""A build's file tree: written as hard links to objects or copies of them, and compared with its manifest.

Directories are walked by descriptor from the top down, so that neither a symlink of the build nor
one that somebody planted is ever followed. Not for naming or publishing builds (``builds``).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from struct import Struct
from typing import NamedTuple

from relstore.formats.manifest import Directory, Entry, File, Manifest, Symlink
from relstore.store.directory import DIRECTORY_MODE, SEALED_MODE, Dir
from relstore.store.durable import Durability
from relstore.store.fingerprint import Fingerprint
from relstore.store.objects import Objects, mode_of, sha256_of

DIRECTORY_MODES = (SEALED_MODE, DIRECTORY_MODE)
"""Those that a directory of a build may have. Builds of older relstores have the second."""
_KEY = Struct(">QQq")


class Finding(NamedTuple):
    """One thing that is not as it should be: where, and what."""

    path: str
    problem: str
    foreign: bool = False
    """Whether it is something that the release does not have; what the release has is not damaged by it."""


def write_tree(manifest: Manifest, top: Dir, objects: Objects, durability: Durability) -> None:
    """Make the build's tree in the empty directory ``top``; durable at the next barrier."""
    for directory, entries in _by_directory(manifest, top):
        for name, entry in entries:
            make_entry(directory, name, entry, objects, durability)
        os.fchmod(directory.fd, SEALED_MODE)
        durability.directory_filled(directory)


def make_entry(directory: Dir, name: str, entry: Entry, objects: Objects, durability: Durability) -> None:
    """Make one new entry of a tree; its name is durable when ``directory`` is."""
    if isinstance(entry, Directory):
        directory.make(name, DIRECTORY_MODE).close()
    elif isinstance(entry, Symlink):
        directory.symlink(entry.target, name)
    elif entry.copied:
        objects.copy_into(entry.content, directory, name)
    elif entry.content.size:
        objects.link_into(entry.content, directory, name)
    else:
        _make_empty(directory, name, entry, durability)


class Proved:
    """Which files were read already, and what was right with them: trees share their files.

    About 100 bytes for each, so that a million fit into a small host's memory: a number of device, inode,
    time and 64 bits of the SHA-256 (an inode has one content, so these need not resist anybody).
    """

    def __init__(self) -> None:
        self._known: set[int] = set()

    def has(self, status: os.stat_result, sha256: bytes) -> bool:
        return self._key(status, sha256) in self._known

    def add(self, status: os.stat_result, sha256: bytes) -> None:
        self._known.add(self._key(status, sha256))

    @staticmethod
    def _key(status: os.stat_result, sha256: bytes) -> int:
        # Its size is that of the content, and the time of its last change moves with each name that it gets.
        return int.from_bytes(_KEY.pack(status.st_dev, status.st_ino, status.st_mtime_ns) + sha256[:8], "big")


def check_tree(
    top: Dir, manifest: Manifest, proved: Proved, taken: Fingerprint | None = None
) -> Iterator[Finding]:
    """Compare a tree with its manifest: kinds, modes, bytes, symlinks; and name what is foreign.

    What was seen of each entry is added to ``taken``; that counts only if nothing is found.
    """
    return _compare(top, manifest, proved, 0, taken)


def check_top(build: Dir, name: str) -> str:
    """What is wrong with the directory ``name`` that a tree of ``build`` is in; empty when nothing is."""
    status = build.lstat(name)
    return "is missing" if status is None else _problem(build, name, Directory(name), status, Proved(), 0)


def glance(top: Dir, manifest: Manifest, made: int) -> Iterator[Finding]:
    """As ``check_tree``, but read only the files that were written to since ``made`` (seconds since 1970)."""
    return _compare(top, manifest, Proved(), made)


def _compare(
    top: Dir, manifest: Manifest, proved: Proved, since: int, taken: Fingerprint | None = None
) -> Iterator[Finding]:
    for directory, entries in _by_directory(manifest, top):
        prefix = directory.path[len(top.path) + 1 :]
        statuses = []
        for name, entry in entries:
            status = directory.lstat(name)
            if status is None:
                yield Finding(entry.path, "is missing")
                continue
            statuses.append(status)
            problem = _problem(directory, name, entry, status, proved, since)
            if problem:
                yield Finding(entry.path, problem)
        known = {name for name, _ in entries}
        for name in sorted(set(directory.all_names()) - known):
            yield Finding(f"{prefix}/{name}" if prefix else name, "is not part of the release", foreign=True)
        if taken is not None:
            taken.add([name for name, _ in entries], statuses)


def _by_directory(manifest: Manifest, top: Dir) -> Iterator[tuple[Dir, list[tuple[str, Entry]]]]:
    """Each directory of the build, open, with its own entries; a parent before its children.

    A directory that is missing in the tree, is a symlink there, or may not be opened, is passed over.
    """
    inside: dict[str, list[tuple[str, Entry]]] = {"": []}
    for entry in manifest.entries:
        above, _, name = entry.path.rpartition("/")
        inside[above].append((name, entry))
        if isinstance(entry, Directory):
            inside[entry.path] = []
    open_dirs: list[tuple[str, Dir]] = []
    try:
        # In this order a directory's whole subtree comes before its next sibling (by the bytes of the
        # whole path, "a-b" would come between "a" and "a/c"), so few are open at a time.
        for path in sorted(inside, key=lambda path: path.split("/")):
            entries = inside[path]
            while open_dirs and not path.startswith(open_dirs[-1][0] + "/"):
                open_dirs.pop()[1].close()
            if path == "":
                yield top, entries
                continue
            above = open_dirs[-1][0] if open_dirs else ""
            if path.rpartition("/")[0] != above:
                continue  # below a directory that could not be opened
            try:
                directory = (open_dirs[-1][1] if open_dirs else top).sub(path.rpartition("/")[2])
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                continue
            except OSError as error:
                if error.errno != errno.ELOOP:
                    raise
                continue
            open_dirs.append((path, directory))
            yield directory, entries
    finally:
        for _, directory in open_dirs:
            directory.close()


def _problem(
    directory: Dir, name: str, entry: Entry, status: os.stat_result, proved: Proved, since: int
) -> str:
    """Everything that is wrong with an entry that is there; empty when nothing is. ``status``: its lstat."""
    is_right, kind = _KINDS[type(entry)]
    if not is_right(status.st_mode):
        return f"should be {kind} and is {_kind(directory, name, status)}"
    if isinstance(entry, Symlink):
        target = directory.readlink(name)
        return "" if target == entry.target else f"points to {target!r} instead of {entry.target!r}"
    if isinstance(entry, Directory):
        return _directory_problem(directory, name, status)
    mode = stat.S_IMODE(status.st_mode)
    problems = [] if mode == mode_of(entry.content.executable) else [f"has the mode {mode:04o}"]
    if entry.copied and status.st_nlink != 1:
        problems.append(f"has {status.st_nlink} links and should be a copy of its own")
    problems.append(_content_problem(directory, name, entry, status, proved, since))
    return "; ".join(filter(None, problems))


def _directory_problem(directory: Dir, name: str, status: os.stat_result) -> str:
    mode = stat.S_IMODE(status.st_mode)
    if mode in DIRECTORY_MODES:
        return ""
    try:
        directory.sub(name).close()
    except PermissionError:
        return f"has the mode {mode:04o}; what is in it cannot be checked"
    return f"has the mode {mode:04o}"


def _content_problem(
    directory: Dir, name: str, entry: File, status: os.stat_result, proved: Proved, since: int
) -> str:
    if status.st_size != entry.content.size:
        return f"has {status.st_size} bytes instead of {entry.content.size}"
    if status.st_mtime < since:
        return ""
    if proved.has(status, entry.content.sha256):
        return ""
    try:
        sha256 = _sha256_of_name(directory, name)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if sha256 != entry.content.sha256:
        return "has other bytes"
    proved.add(status, entry.content.sha256)
    return ""


_KINDS: dict[type, tuple[Callable[[int], bool], str]] = {
    Directory: (stat.S_ISDIR, "a directory"),
    File: (stat.S_ISREG, "a regular file"),
    Symlink: (stat.S_ISLNK, "a symlink"),
}


def _kind(directory: Dir, name: str, status: os.stat_result) -> str:
    """What an entry is, for people. A repair does not keep a symlink, so this says where it points."""
    if stat.S_ISLNK(status.st_mode):
        return f"a symlink to {directory.readlink(name)!r}"
    kinds = (kind for is_kind, kind in _KINDS.values() if is_kind(status.st_mode))
    return next(kinds, "a device, a socket or a FIFO")


def _sha256_of_name(directory: Dir, name: str) -> bytes:
    fd = directory.open_file(name)
    try:
        return sha256_of(fd)
    finally:
        os.close(fd)


def _make_empty(directory: Dir, name: str, entry: File, durability: Durability) -> None:
    fd = directory.create_file(name)
    try:
        os.fchmod(fd, mode_of(entry.content.executable))
        durability.file_written(fd)
    finally:
        os.close(fd)
