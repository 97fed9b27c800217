"""Finds the objects of the host that may resemble one that it lacks, and so can be the base of a delta.

Files of the same path come first, then those whose names differ only in digits (``app-1.2.js``,
``index-3f9ac0.css``), nearest in size first, then the only file of a build. Pure. The client finds out
whether they really are alike. Not for using them (``receiving``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from relstore.formats.manifest import File, Manifest, ObjectRef
from relstore.formats.names import Digest

MIN_BYTES = 16 * 1024
"""A smaller file is not worth a delta."""

MAX_CANDIDATES = 4
MAX_BUILDS = 3

_CHANGES = re.compile(r"(?:(?<![0-9a-z])(?=[a-f]*[0-9])[0-9a-f]{6,}(?![0-9a-z])|\d+)+", re.IGNORECASE)
"""Numbers, and digests that have at least one digit."""


def candidates(wanted: Mapping[Digest, File], builds: Sequence[Manifest]) -> dict[Digest, list[ObjectRef]]:
    """For each wanted content the objects that may resemble it, likeliest first, at most MAX_CANDIDATES.

    ``wanted``: for each digest, the first file of the new build that has this content. ``builds``: builds of
    the host, the most promising first.
    """
    indexes = [_BuildIndex(build) for build in builds]
    bases = {}
    for digest, file in wanted.items():
        refs: dict[Digest, ObjectRef] = {}
        for index in indexes:
            for ref in index.like(file):
                if ref.blake3 != digest:  # it is wanted because it is damaged
                    refs.setdefault(ref.blake3, ref)
        bases[digest] = list(refs.values())[:MAX_CANDIDATES]
    return bases


class _BuildIndex:
    """Finds the files of one build that resemble another file."""

    def __init__(self, build: Manifest) -> None:
        files = [file for file in build.files() if file.content.size >= MIN_BYTES]
        self._by_path = {file.path: file.content for file in files}
        self._by_likeness: dict[str, list[ObjectRef]] = {}
        for file in files:
            self._by_likeness.setdefault(_likeness(file.path), []).append(file.content)
        self._only = files[0].content if len(files) == 1 else None

    def like(self, file: File) -> Iterator[ObjectRef]:
        same = self._by_path.get(file.path)
        if same is not None:
            yield same
        alike = self._by_likeness.get(_likeness(file.path), [])
        yield from sorted(alike, key=lambda ref: abs(ref.size - file.content.size))
        if self._only is not None:
            yield self._only


def _likeness(path: str) -> str:
    """The path without the parts that change from release to release."""
    return _CHANGES.sub("#", path)
