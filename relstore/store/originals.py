"""The links that keep the originals of a build's copies on the shelf.

A copy has an inode of its own, so its object would look as if no build used it: the collector would remove
it, and the next release would have to send it whole. Therefore a build with copies has one more hard link to
each of these objects, beside its tree. Not for the copies themselves (``tree``).
"""

from __future__ import annotations

from relstore.formats.manifest import Entry, File, Manifest
from relstore.store.directory import Dir
from relstore.store.durable import Durability
from relstore.store.objects import Objects, object_name
from relstore.store.tree import write_tree

NAME = "originals"


def links(manifest: Manifest) -> Manifest:
    """What the directory of these links holds, as a tree: each object of a copy once, by its name."""
    refs = {file.content for file in manifest.files() if file.copied}
    entries: list[Entry] = [File(object_name(ref.blake3, ref.executable), ref) for ref in refs]
    return Manifest(sorted(entries, key=lambda entry: entry.path))


def write(manifest: Manifest, build: Dir, objects: Objects, durability: Durability) -> None:
    """Make the links in the new directory ``build``, where it needs any; durable at the next barrier."""
    wanted = links(manifest)
    if wanted.entries:
        with build.make(NAME) as top:
            write_tree(wanted, top, objects, durability)
