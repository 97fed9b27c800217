"""Writing a build as a directory, which has its name only when all of it is there.

The paths are those of a manifest, which has checked them: relative, without ``..``, never below a symlink.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path

from relstore.errors import UsageError
from relstore.formats.manifest import Directory, File, Symlink


class ExportTree:
    """A tree below ``scratch``, a private directory on the file system where it will stand."""

    def __init__(self, scratch: Path) -> None:
        self._top = scratch / "tree"
        self._top.mkdir()

    def add(self, entry: Directory | Symlink) -> None:
        """Raises OSError."""
        if isinstance(entry, Directory):
            (self._top / entry.path).mkdir()
        else:
            (self._top / entry.path).symlink_to(entry.target)

    @contextmanager
    def file(self, entry: File) -> Iterator[BufferedWriter]:
        """Raises OSError."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        mode = 0o777 if entry.content.executable else 0o666
        with open(os.open(self._top / entry.path, flags, mode), "wb") as file:
            yield file

    def become(self, directory: Path) -> None:
        """Give it its name. Raises UsageError when something has it already, OSError."""
        try:
            directory.mkdir()  # whoever is first has the name
            self._top.rename(directory)
        except FileExistsError:
            raise there_already(directory) from None


def there_already(path: Path) -> UsageError:
    return UsageError(f"{path} is there already", hint="Name a directory that is not there yet.")
