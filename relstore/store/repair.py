"""Making a damaged build whole again, entry by entry, while it is in use.

Its contents come through an upload like any others: from other files of this store that hold the same
(``refill``), or from a client. They are verified and on disk before anything is replaced; then each wrong
entry is replaced by one rename, so that whoever reads it finds the old or the right one, and never none. A
crash leaves the build no worse than it was, and marked. Not for finding what is wrong (``verify``).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from relstore.errors import DamagedError, NotFoundError, StoreError
from relstore.formats.manifest import Directory, Entry, Manifest, ObjectRef
from relstore.formats.names import Digest, random_suffix
from relstore.store import damage, publish
from relstore.store.builds import MANIFEST_NAME, TREE_NAME
from relstore.store.directory import SEALED_MODE, TEMPORARY, Dir
from relstore.store.durable import replace_file, sync_directory
from relstore.store.objects import CHUNK_BYTES, PLAIN_MODE
from relstore.store.publish import Survey
from relstore.store.store import Store
from relstore.store.tree import Finding, Proved, check_tree, make_entry
from relstore.store.upload import Upload


class _Copy(NamedTuple):
    """A file of some build that should hold a content."""

    build: Digest
    path: str
    ref: ObjectRef


def refill(upload: Upload, damaged: Sequence[int]) -> list[int]:
    """Put those of the contents that some tree of the store still holds; the rest is returned."""
    wanted = {upload.contents[index].blake3: index for index in damaged}
    tried: set[tuple[int, int]] = set()
    for copy in _copies(upload.store, wanted):
        index = wanted.get(copy.ref.blake3)
        if index is not None and _put(upload, index, copy, tried):
            del wanted[copy.ref.blake3]
        if not wanted:
            break
    return sorted(wanted.values())


def restore(upload: Upload, surveyed: Survey) -> list[Finding]:
    """Put the build right; every content must be received or surveyed as not damaged. What was wrong.

    Raises DamagedError when it is still not right.
    """
    store, build = upload.store, upload.build
    with store.shared():
        publish.shelve(upload, surveyed.sound)
        repaired = _repair_build(upload)
        left = store.builds.check(build)
        if left:
            raise DamagedError(
                f"the build {build.short} could not be repaired: {left[0].path} {left[0].problem}",
                state="What could be repaired is.",
                hint="Look at the disk: what was just written does not read back.",
            )
        damage.unmark(store, build)
    return repaired


def _copies(store: Store, wanted: Collection[Digest]) -> Iterator[_Copy]:
    for build in store.builds.ids():
        try:
            manifest = store.builds.manifest(build)
        except (NotFoundError, DamagedError):
            continue
        for file in manifest.files():
            if file.content.blake3 in wanted:
                yield _Copy(build, file.path, file.content)


def _put(upload: Upload, index: int, copy: _Copy, tried: set[tuple[int, int]]) -> bool:
    """Whether the copy was what it should be, and is received now."""
    *above, name = copy.path.split("/")
    try:
        with upload.store.builds.directory.below([copy.build, TREE_NAME, *above]) as directory:
            fd = directory.open_file(name)
    except (OSError, StoreError):
        return False
    try:
        status = os.fstat(fd)
        if status.st_size != copy.ref.size or (status.st_dev, status.st_ino) in tried:
            return False
        tried.add((status.st_dev, status.st_ino))
        upload.discard(index)
        offset = 0
        while offset < copy.ref.size:
            chunk = os.read(fd, CHUNK_BYTES)
            if not chunk:
                break
            upload.put(index, offset, chunk)
            offset += len(chunk)
    except DamagedError:
        return False
    finally:
        os.close(fd)
    return index in upload.received


def _repair_build(upload: Upload) -> list[Finding]:
    store, build = upload.store, upload.build
    place = f"builds/{build}"
    repaired = []
    with store.builds.directory.sub(build) as directory:
        for name in directory.all_names():
            if name.startswith(TEMPORARY):
                directory.remove_tree(name)  # of a repair that died
        if directory.read_or_none(MANIFEST_NAME, len(upload.raw_manifest)) != upload.raw_manifest:
            damage.set_aside(store, directory, MANIFEST_NAME)
            replace_file(directory, MANIFEST_NAME, upload.raw_manifest, PLAIN_MODE)
            repaired.append(Finding(f"{place}/{MANIFEST_NAME}", "was not what its name says"))
        with directory.make_or_open(TREE_NAME) as tree:
            for finding in _repair_tree(store, directory, tree, upload.manifest):
                repaired.append(Finding(f"{place}/{TREE_NAME}/{finding.path}", finding.problem))
    return repaired


def _repair_tree(store: Store, scratch: Dir, tree: Dir, manifest: Manifest) -> Iterator[Finding]:
    """Each thing that was wrong, once it is right: a directory comes before what is in it."""
    entries = {entry.path: entry for entry in manifest.entries}
    for finding in check_tree(tree, manifest, Proved()):
        if finding.foreign:
            continue
        *above, name = finding.path.split("/")
        with tree.below(above) as directory, directory.writable():
            _repair_entry(store, scratch, directory, name, entries[finding.path])
        yield finding


def _repair_entry(store: Store, scratch: Dir, directory: Dir, name: str, entry: Entry) -> None:
    """Make ``name`` what the manifest says."""
    if isinstance(entry, Directory):
        _repair_directory(store, directory, name)
    else:
        new = TEMPORARY + random_suffix()
        make_entry(scratch, new, entry, store.objects, store.durability)
        store.objects.sync()
        store.durability.directory_filled(scratch)
        store.durability.barrier(scratch)
        damage.set_aside(store, directory, name)
        scratch.rename(new, directory, name)
    sync_directory(directory)


def _repair_directory(store: Store, directory: Dir, name: str) -> None:
    try:
        status = directory.lstat(name)
        if status is not None:
            directory.make_accessible(name, status)
        with directory.sub(name) as existing:
            os.fchmod(existing.fd, SEALED_MODE)
    except OSError:  # it is missing, or no directory
        damage.move_away(store, directory, name)
        directory.make(name, SEALED_MODE).close()
