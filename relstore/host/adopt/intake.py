"""Importing an old release: its bytes are copied into the store, proved as an upload's are, and recorded.

Never by hard links: the old path stays writable, and whoever writes there must not change a build. Not for
reading the release (``old_tree``), nor for the path that the service uses (``live_path``).
"""

from __future__ import annotations

import os

from relstore.errors import DamagedError, RefusedError
from relstore.formats.generation import MAX_WHO, Description, Generation
from relstore.formats.manifest import ObjectRef
from relstore.formats.names import as_text
from relstore.host.adopt.layout import OldRelease
from relstore.host.adopt.old_tree import OldTree, Progress
from relstore.store import publish
from relstore.store.app import App, NewBuild
from relstore.store.directory import Dir
from relstore.store.store import Store
from relstore.store.upload import Upload

_PIECE_BYTES = 1 << 20
_ADOPTED = "adopted from "


def import_build(store: Store, release: OldRelease, tree: OldTree, copied: Progress) -> None:
    """Make a build of the release, unless the store has it. Raises RefusedError, NoSpaceError, OSError."""
    if store.builds.has(tree.build):
        return
    upload = Upload.begin(store, tree.build, tree.raw, tree.manifest)
    done = False
    try:
        top = release.path if os.path.isdir(release.path) else os.path.dirname(release.path)
        with Dir.open_path(top) as directory:
            wanted = [upload.contents[item.content] for item in upload.missing()]
            for ref in wanted:
                _copy(upload, directory, tree.sources[ref.blake3], ref, copied)
        surveyed = publish.survey(upload)
        for index in surveyed.damaged:
            raise DamagedError(
                f"the store's copy of {'/'.join(tree.sources[upload.contents[index].blake3])} is damaged",
                state="What is live was not touched.",
                hint="`relstore verify --repair` repairs it; then adopt again.",
            )
        publish.publish(upload, surveyed)
        done = True
    finally:
        upload.close(done=done)


def record(app: App, release: OldRelease, tree: OldTree, who: str) -> Generation:
    """The generation of the release: the one that an earlier attempt recorded, else the next one.

    The store's lock must be held.
    """
    manifest = tree.manifest
    said = Description(as_text(release.who or who)[:MAX_WHO], release.commit, False, note(release))
    for generation in app.generations():
        if (generation.build, generation.created, generation.description) == (
            tree.build,
            release.created,
            said,
        ):
            app.ensure_link(generation)
            return generation
    new = NewBuild(tree.build, manifest.size, sum(1 for _ in manifest.files()))
    return app.append(new, said, release.created)


def note(release: OldRelease) -> str:
    """What the record says of where the generation came from."""
    return f"{_ADOPTED}{release.name}"


def is_adopted(generation: Generation) -> bool:
    """Whether its record says that it came from another tool."""
    return generation.description.note.startswith(_ADOPTED)


def _copy(upload: Upload, top: Dir, names: tuple[str, ...], ref: ObjectRef, copied: Progress) -> None:
    index = upload.contents.index(ref)
    upload.discard(index)
    with top.below(names[:-1]) as directory:
        fd = directory.open_file(names[-1])
    try:
        offset = 0
        while offset < ref.size:
            piece = os.read(fd, min(_PIECE_BYTES, ref.size - offset))
            if not piece:
                raise _changed(names)
            try:
                upload.put(index, offset, piece)
            except DamagedError:
                raise _changed(names) from None
            offset += len(piece)
    finally:
        os.close(fd)
    copied(ref.size)


def _changed(names: tuple[str, ...]) -> RefusedError:
    return RefusedError(
        f"{'/'.join(names)} changed while it was copied",
        state="What is live was not touched.",
        hint="Leave it out with --exclude PATH if a service writes to it; else adopt again.",
    )
