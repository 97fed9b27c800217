"""Which objects of the host may be like one that it lacks: what a delta can build on.

By path first, then by a name that differs in its digits only (``app-1.2.js``, ``index-3f9ac0.css``), then
by being the only file there is; the nearest in size first among those. Pure; whether they are
really alike, the client finds out. Not for using them (``receiving``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from relstore.formats.manifest import File, Manifest, ObjectRef
from relstore.formats.names import Digest

MIN_BYTES = 16 * 1024
"""What is smaller is not worth a delta."""

MAX_CANDIDATES = 4
MAX_BUILDS = 3

_CHANGES = re.compile(r"(?:(?<![0-9a-z])(?=[a-f]*[0-9])[0-9a-f]{6,}(?![0-9a-z])|\d+)+", re.IGNORECASE)
"""Digests with a digit among their letters, and numbers."""


def candidates(wanted: Mapping[Digest, File], builds: Sequence[Manifest]) -> dict[Digest, list[ObjectRef]]:
    """For each wanted content what may be like it, the likeliest first, at most MAX_CANDIDATES.

    ``wanted``: by name, the first file of the new build that has it. ``builds``: those that the host has, the
    one to look at first in front.
    """
    shelves = [_Shelf(build) for build in builds]
    found = {}
    for name, file in wanted.items():
        refs: dict[Digest, ObjectRef] = {}
        for shelf in shelves:
            for ref in shelf.like(file):
                if ref.blake3 != name:  # it is wanted because it is damaged
                    refs.setdefault(ref.blake3, ref)
        found[name] = list(refs.values())[:MAX_CANDIDATES]
    return found


class _Shelf:
    """The files of one build, by what they may be found by."""

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
    """A name without what changes from release to release."""
    return _CHANGES.sub("#", path)
