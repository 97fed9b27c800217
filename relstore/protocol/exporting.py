"""A build out of the store: the contents of its files, as they are there.

Not for its manifest, by which whoever asks proves what comes (``reading``).
"""

from __future__ import annotations

from typing import NamedTuple

from relstore.formats.names import Digest


class Export(NamedTuple):
    """The contents of all files of a build that are not empty. Events: FileContent. Reply: Exported."""

    build: Digest


class FileContent(NamedTuple):
    """The next bytes of a file, in the body. Files come in the order of the manifest, each as a whole."""

    entry: int
    """The number of the file's entry in the manifest, from 0 on."""


class Exported(NamedTuple):
    files: int
    """How many were sent."""
