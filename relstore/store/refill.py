"""Finding bytes for the damaged contents of a build elsewhere in the same store, before anybody is asked.

Objects on the shelf serve whatever their modes are, and so do the files of all trees, executable or not. All
of it is verified as if it were uploaded. Not for putting anything right (``repair``).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from relstore.errors import DamagedError, NotFoundError, StoreError
from relstore.formats.manifest import ObjectRef
from relstore.formats.names import Digest
from relstore.store.builds import TREE_NAME
from relstore.store.objects import CHUNK_BYTES
from relstore.store.store import Store
from relstore.store.upload import Upload


class _Copy(NamedTuple):
    """An open file that should hold a content."""

    ref: ObjectRef
    fd: int


def refill(upload: Upload, damaged: Sequence[int]) -> list[int]:
    """Put those of the contents that some file of the store still holds; the rest is returned."""
    wanted = {upload.contents[index].blake3: index for index in damaged}
    tried: set[tuple[int, int]] = set()
    for copy in _copies(upload.store, [upload.contents[index] for index in damaged], wanted):
        try:
            index = wanted.get(copy.ref.blake3)
            if index is not None and _put(upload, index, copy, tried):
                del wanted[copy.ref.blake3]
        finally:
            os.close(copy.fd)
        if not wanted:
            break
    return sorted(wanted.values())


def _copies(store: Store, refs: Sequence[ObjectRef], wanted: Collection[Digest]) -> Iterator[_Copy]:
    """Those on the shelf first. ``wanted`` shrinks meanwhile."""
    for ref in refs:
        for fd in store.objects.open_each(ref):
            yield _Copy(ref, fd)
    for build in store.builds.ids():
        try:
            manifest = store.builds.manifest(build)
        except (NotFoundError, DamagedError):
            continue
        for file in manifest.files():
            if file.content.blake3 in wanted:
                in_tree = _open_in_tree(store, build, file.path)
                if in_tree is not None:
                    yield _Copy(file.content, in_tree)


def _open_in_tree(store: Store, build: Digest, path: str) -> int | None:
    *above, name = path.split("/")
    try:
        with store.builds.directory.below([build, TREE_NAME, *above]) as directory:
            return directory.open_file(name)
    except (OSError, StoreError):
        return None


def _put(upload: Upload, index: int, copy: _Copy, tried: set[tuple[int, int]]) -> bool:
    """Whether the copy was what it should be, and is received now."""
    status = os.fstat(copy.fd)
    if status.st_size != copy.ref.size or (status.st_dev, status.st_ino) in tried:
        return False
    tried.add((status.st_dev, status.st_ino))
    upload.discard(index)
    offset = 0
    try:
        while offset < copy.ref.size:
            chunk = os.read(copy.fd, CHUNK_BYTES)
            if not chunk:
                break
            upload.put(index, offset, chunk)
            offset += len(chunk)
    except DamagedError:
        return False
    return index in upload.received
