"""Making a damaged build whole again, entry by entry, while it is in use.

Its contents come through an upload like any others: from other files of this store that hold the same
(``refill``), or from a client. They are verified and on disk before anything is replaced; then each wrong
entry is replaced by one rename, so that whoever reads it finds the old or the right one, and never none. An
entry that cannot be restored stays as it is, and all others are repaired. A crash leaves the build no worse
than it was, and marked. Not for finding what is wrong (``verify``).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection
from typing import NamedTuple

from relstore.errors import DamagedError, StoreError
from relstore.formats.manifest import Directory, Entry, File, Manifest
from relstore.formats.names import Digest, random_suffix
from relstore.store import damage, originals, publish
from relstore.store.builds import MANIFEST_NAME, TREE_NAME
from relstore.store.directory import SEALED_MODE, TEMPORARY, Dir
from relstore.store.durable import replace_file, sync_directory
from relstore.store.objects import PLAIN_MODE
from relstore.store.publish import Survey
from relstore.store.root import account, explain, shell_word
from relstore.store.store import Store
from relstore.store.tree import Finding, Proved, check_top, check_tree, make_entry
from relstore.store.upload import Upload

_OF_OTHERS = (errno.EACCES, errno.EPERM, errno.EBUSY)
"""Something that another account made, or mounted, is where a part of the build belongs."""


class Restored(NamedTuple):
    """What became of a build."""

    repaired: list[Finding]
    """What was wrong and is repaired: a directory comes before what is in it."""
    left: list[Finding]
    """What is still wrong."""
    refused: StoreError | None
    """Why this account could not replace something, if that was so."""

    def check(self) -> None:
        """Raises StoreError unless the build is whole."""
        if self.refused is not None:
            raise self.refused
        if self.left:
            raise DamagedError(
                f"the build could not be repaired: {self.left[0].path} {self.left[0].problem}",
                state="What could be repaired is.",
                hint="Look at the disk: what was just written does not read back.",
            )


def restore(upload: Upload, surveyed: Survey) -> Restored:
    """Repair all of the build but what needs a content that is surveyed as damaged."""
    store, build = upload.store, upload.build
    lacking = frozenset(upload.contents[index].blake3 for index in surveyed.damaged)
    with store.shared():
        publish.shelve(upload, surveyed.sound, lacking)
        repairing = _Repairing(upload, lacking)
        repairing.build()
        left = [finding for finding in store.builds.survey(build) if not finding.foreign]
        if not left:
            damage.unmark(store, build)
    return Restored(repairing.repaired, left, repairing.refused)


class _Repairing:
    """The repair of one build, and what has come of it so far."""

    def __init__(self, upload: Upload, lacking: Collection[Digest]) -> None:
        self._store = upload.store
        self._build = upload.build
        self._raw_manifest = upload.raw_manifest
        self._manifest = upload.manifest
        self._lacking = lacking
        self.repaired: list[Finding] = []
        self.refused: StoreError | None = None

    def build(self) -> None:
        try:
            self._repair_build()
        except OSError as error:
            self._note(error)

    def _repair_build(self) -> None:
        with self._store.builds.directory.sub(self._build) as directory:
            for name in directory.all_names():
                if name.startswith(TEMPORARY):
                    directory.remove_tree(name)  # of a repair that died
            self._repair_manifest(directory)
            self._repair_area(directory, TREE_NAME, self._manifest)
            links = originals.links(self._manifest)
            if links.entries:
                self._repair_area(directory, originals.NAME, links)

    def _repair_manifest(self, directory: Dir) -> None:
        place = f"builds/{self._build}/{MANIFEST_NAME}"
        try:
            if directory.read_or_none(MANIFEST_NAME, len(self._raw_manifest)) == self._raw_manifest:
                return
        except (OSError, StoreError):
            pass  # it is no file, or larger, or cannot be read
        damage.set_aside(self._store, directory, MANIFEST_NAME)
        replace_file(directory, MANIFEST_NAME, self._raw_manifest, PLAIN_MODE)
        self.repaired.append(Finding(place, "was not what its name says"))

    def _repair_area(self, directory: Dir, area: str, manifest: Manifest) -> None:
        problem = check_top(directory, area)
        if problem:
            _repair_entry(self._store, directory, directory, area, Directory(area))
            self.repaired.append(Finding(f"builds/{self._build}/{area}", problem))
        with directory.sub(area) as tree:
            self._repair_tree(directory, area, tree, manifest)

    def _repair_tree(self, scratch: Dir, area: str, tree: Dir, manifest: Manifest) -> None:
        entries = {entry.path: entry for entry in manifest.entries}
        for finding in check_tree(tree, manifest, Proved()):
            if finding.foreign or self._lacks(entries[finding.path]):
                continue
            *above, name = finding.path.split("/")
            try:
                with tree.below(above) as directory, directory.writable():
                    _repair_entry(self._store, scratch, directory, name, entries[finding.path])
            except OSError as error:
                self._note(error)
                continue
            place = f"builds/{self._build}/{area}/{finding.path}"
            self.repaired.append(Finding(place, finding.problem))

    def _lacks(self, entry: Entry) -> bool:
        return isinstance(entry, File) and entry.content.blake3 in self._lacking

    def _note(self, error: OSError) -> None:
        """Remember that this account may not replace something. Raises any other error."""
        if error.errno not in _OF_OTHERS:
            raise error
        place = shell_word(f"{self._store.root.path}/builds/{self._build}/{TREE_NAME}")
        me = account(os.geteuid()).removeprefix("uid ")
        self.refused = self.refused or StoreError(
            f"could not be repaired: {explain(error, 'another account has changed it').what}",
            hint=f"As root: chown -hR {me} {place}; then repair again",
        )


def _repair_entry(store: Store, scratch: Dir, directory: Dir, name: str, entry: Entry) -> None:
    """Make ``name`` what the manifest says."""
    if isinstance(entry, Directory):
        _repair_directory(store, directory, name)
    else:
        new = TEMPORARY + random_suffix()
        make_entry(scratch, new, entry, store.objects, store.durability)
        try:
            store.objects.sync()
            store.durability.directory_filled(scratch)
            store.durability.barrier(scratch)
            damage.set_aside(store, directory, name)
            scratch.rename(new, directory, name)
        except OSError:
            scratch.remove_tree(new)
            raise
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
