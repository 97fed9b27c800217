"""The entries of a build, as values: files, directories and symlinks, with the content of each file.

Not for the rules that a whole build obeys (``manifest``) nor for paths (``paths``).
"""

from __future__ import annotations

from typing import NamedTuple, Union

from relstore.formats.names import Digest

MAGIC = "relstore-manifest"
VERSION = 1
VERSION_WITH_COPIES = 2
MAX_ENTRIES = 1_000_000
MAX_BYTES = 128 * 1024 * 1024
MAX_FILE_BYTES = 1 << 40
MAX_DIFFERENCE_BYTES = 32 * 1024 * 1024
"""Of a manifest that may travel as a difference, and of the one that it is a difference to."""

EMPTY_BLAKE3 = Digest("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")
EMPTY_SHA256 = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")

DIRECTORY, FILE, EXECUTABLE, SYMLINK, COPY, EXECUTABLE_COPY = range(6)

KIND_OF_FILE = {
    (False, False): FILE,
    (True, False): EXECUTABLE,
    (False, True): COPY,
    (True, True): EXECUTABLE_COPY,
}
"""By whether it is executable, and whether it is a copy."""
FILE_OF_KIND = {kind: what for what, kind in KIND_OF_FILE.items()}


class ObjectRef(NamedTuple):
    """The content of one regular file, by its name in the store and by how a host can prove it."""

    blake3: Digest
    sha256: bytes
    size: int
    executable: bool


class Directory(NamedTuple):
    path: str


class File(NamedTuple):
    path: str
    content: ObjectRef
    copied: bool = False
    """Whether it has an inode of its own, not shared with the object or with other files."""


class Symlink(NamedTuple):
    path: str
    target: str


Entry = Union[Directory, File, Symlink]
