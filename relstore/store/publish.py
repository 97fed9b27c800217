"""Publishing: what an upload staged becomes objects and a build, each named only when it is whole.

The order is the promise: bytes verified, bytes on disk, objects named, tree and manifest on disk,
build named, the name on disk. A crash before the last step leaves at most objects that nothing uses
yet and a staging directory. Not for generations; a published build is not released by that.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import NamedTuple

from relstore.errors import ProtocolError, StoreError
from relstore.formats.manifest import ObjectRef
from relstore.formats.names import Digest
from relstore.store import originals
from relstore.store.builds import MANIFEST_NAME, TREE_NAME
from relstore.store.directory import Dir
from relstore.store.durable import sync_directory, write_all
from relstore.store.fingerprint import Fingerprint, add_parts, next_tick
from relstore.store.objects import PLAIN_MODE
from relstore.store.tree import check_tree, write_tree
from relstore.store.upload import Upload

_BUILD = "build"


class Survey(NamedTuple):
    """What the store had already of an upload's contents, after their bytes were read."""

    sound: frozenset[ObjectRef]
    damaged: list[int]
    """The contents whose bytes are not what their name says; they must be put like missing ones."""


def survey(upload: Upload) -> Survey:
    """Read and prove every object that the upload re-uses, so that a rotten one is sent anew."""
    objects = upload.store.objects
    received = {upload.contents[index].blake3 for index in upload.received}
    found = []
    for ref in upload.manifest.objects():
        status = None if ref.blake3 in received else objects.prove(ref)
        if status is not None:
            upload.proved.add(status, ref.sha256)
            found.append(ref)
    sound = frozenset(found)
    proved = received | {ref.blake3 for ref in sound}
    damaged = [
        index
        for index, ref in enumerate(upload.contents)
        if ref.blake3 not in proved and not objects.is_sound(ref._replace(executable=not ref.executable))
    ]
    return Survey(sound, damaged)


def publish(upload: Upload, surveyed: Survey) -> bytes | None:
    """Make the build, unless it is there. Every content must be received or surveyed as not damaged.

    Returns the fingerprint of what was made, all bytes of which were proved since the upload began; None
    where that cannot be told without reading it again.
    """
    store = upload.store
    with store.shared():
        if store.builds.has(upload.build):
            return None  # another deployer published the same build meanwhile
        shelve(upload, surveyed.sound)
        return _make_build(upload)


def shelve(upload: Upload, sound: frozenset[ObjectRef], lacking: frozenset[Digest] = frozenset()) -> None:
    """Name what was received, then the other variant of it where the build needs both.

    ``lacking``: the contents that there are no bytes of. The store's lock must be held, shared or not.
    """
    store = upload.store
    received = {upload.contents[index] for index in upload.received}
    store.durability.directory_filled(upload.directory)
    store.durability.barrier(upload.directory)
    for ref in received:
        store.objects.shelve(upload.directory, ref.blake3, ref)
    copies = []
    for ref in upload.manifest.objects():
        if ref in sound or ref in received or ref.blake3 in lacking:
            continue
        name = store.objects.copy_variant(ref, upload.directory)
        if name is None:
            raise ProtocolError(f"the content {ref.blake3.short} was never sent")
        copies.append((name, ref))
    if copies:
        store.durability.barrier(upload.directory)
        for name, ref in copies:
            store.objects.shelve(upload.directory, name, ref)
    store.objects.sync()
    upload.received.clear()  # it is no longer staged


def _make_build(upload: Upload) -> bytes | None:
    store = upload.store
    upload.directory.remove_tree(_BUILD)
    with upload.directory.make(_BUILD) as build:
        with build.make(TREE_NAME) as tree:
            write_tree(upload.manifest, tree, store.objects, store.durability)
        originals.write(upload.manifest, build, store.objects, store.durability)
        fd = build.create_file(MANIFEST_NAME)
        with open(fd, "wb", buffering=0) as file:
            write_all(file.fileno(), upload.raw_manifest)
            os.fchmod(file.fileno(), PLAIN_MODE)
            store.durability.file_written(file.fileno())
        store.objects.sync()
        store.durability.directory_filled(build)
        store.durability.barrier(build)
        taken = _fingerprint(upload, build)
    try:
        upload.directory.rename(_BUILD, store.builds.directory, upload.build)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        taken = None  # another deployer published the same build meanwhile
    sync_directory(store.builds.directory)
    return taken


def _fingerprint(upload: Upload, build: Dir) -> bytes | None:
    """That of a build that was just made. None where something in it is not as it was made, or may change
    and look the same: then whoever needs to know reads it."""
    with contextlib.suppress(OSError, StoreError):
        tick = next_tick(upload.directory)
        if tick is None:
            return None
        taken = Fingerprint(tick)
        add_parts(taken, build)
        with build.sub(TREE_NAME) as tree:
            findings = any(True for _ in check_tree(tree, upload.manifest, upload.proved, taken))
        if not findings and not taken.is_racy:
            return taken.digest()
    return None
