"""The directory into which an archive is unpacked, and the rules for what may come into it.

They are those of a manifest, and stricter where an archive can say what a directory cannot: nothing twice,
nothing through a symlink. Each entry is checked before it is written. Not for reading archives (``tar``,
``zip_file``).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from relstore.errors import FormatError
from relstore.formats import paths
from relstore.formats.manifest import MAX_ENTRIES, MAX_FILE_BYTES

Kind = Literal["directory", "file", "symlink"]

_SPECIAL = stat.S_ISUID | stat.S_ISGID
_EXECUTE = 0o100


class Tree:
    """What has been unpacked so far below ``directory``, which is empty and private at first."""

    def __init__(self, directory: Path, room: int) -> None:
        self._directory = directory
        self._room = room
        self._kinds: dict[str, Kind] = {}

    @property
    def is_empty(self) -> bool:
        return not self._kinds

    def add_directory(self, name: str) -> None:
        """A directory that is there already is left as it is. Raises FormatError, OSError."""
        path = _path(name.rstrip("/") if name.strip("/") else name)
        if path:
            self._need_directory(path)

    def add_file(self, name: str, mode: int, size: int, content: Iterable[bytes]) -> None:
        """``content``: the pieces of ``size`` bytes; they are not asked for unless there is room for all.

        Raises FormatError, OSError.
        """
        path = self._new(name, "file")
        if mode & _SPECIAL:
            raise FormatError(f"{name!r} has the setuid or setgid bit, which a build cannot hold")
        if not 0 <= size <= MAX_FILE_BYTES:
            raise FormatError(f"{name!r} says that it has {size} bytes; at most {MAX_FILE_BYTES}")
        if size > self._room:
            raise FormatError(
                f"it unpacks to more than there is room for in {self._directory.parent} (at {name!r}); "
                "the variable TMPDIR names another directory"
            )
        self._room -= size
        permissions = 0o700 if mode & _EXECUTE else 0o600
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(self._directory / path, flags, permissions), "wb") as file:
            os.fchmod(file.fileno(), permissions)  # whatever the umask
            for piece in content:
                file.write(piece)

    def add_symlink(self, name: str, target: str) -> None:
        """Raises FormatError, OSError."""
        path = self._new(name, "symlink")
        paths.check_target(target)
        os.symlink(target, self._directory / path)

    def add_hard_link(self, name: str, target: str) -> None:
        """Another name of a file that came before. Raises FormatError, OSError."""
        there = _path(target)
        if self._kinds.get(there) != "file":
            raise FormatError(f"{name!r} is a hard link to {target!r}, which is no file that came before it")
        path = self._new(name, "file")
        os.link(self._directory / there, self._directory / path, follow_symlinks=False)

    def _new(self, name: str, kind: Kind) -> str:
        path = _path(name)
        if not path:
            raise FormatError(f"{name!r} is the archive's top, and no directory")
        if path in self._kinds:
            raise FormatError(f"{name!r} is in it twice")
        self._need_parents(path)
        self._register(path, kind)
        return path

    def _need_parents(self, path: str) -> None:
        parts = path.split("/")
        for count in range(1, len(parts)):
            self._need_directory("/".join(parts[:count]), above=path)

    def _need_directory(self, path: str, above: str = "") -> None:
        kind = self._kinds.get(path)
        if kind == "directory":
            return
        if kind is not None and above:
            raise FormatError(f"{above!r} leads through {path!r}, which is a {kind}")
        if kind is not None:
            raise FormatError(f"{path!r} is in it twice")
        if not above:
            self._need_parents(path)
        self._register(path, "directory")
        (self._directory / path).mkdir(0o700)

    def _register(self, path: str, kind: Kind) -> None:
        if len(self._kinds) >= MAX_ENTRIES:
            raise FormatError(f"it has more than {MAX_ENTRIES} entries")
        self._kinds[path] = kind


def _path(name: str) -> str:
    """The path in the build; ``""`` for the top. Raises FormatError."""
    if not name:
        raise FormatError("a name in it is empty")
    if name.startswith("/"):
        raise FormatError(f"the name {name!r} is absolute")
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    if name in ("", "."):
        return ""
    paths.check_path(name)
    return name
