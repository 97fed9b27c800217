"""Builds: complete, immutable file trees, each beside the manifest that it is named by.

A name in ``builds/`` is made by one rename of a whole, durable directory, so what has a name is
complete. Not for objects on their way in (``upload``, ``publish``) nor for trees (``tree``).
"""

from __future__ import annotations

import errno

from relstore.errors import DamagedError, FormatError, NotFoundError, StoreError
from relstore.formats import manifest as manifests
from relstore.formats.blake3 import digest as blake3_digest
from relstore.formats.manifest import Manifest
from relstore.formats.names import Digest, is_digest
from relstore.store import originals
from relstore.store.directory import Dir
from relstore.store.tree import Finding, Proved, check_top, check_tree

MANIFEST_NAME = "manifest"
TREE_NAME = "tree"
_OF_THE_FILE = (errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.EIO)
"""Errors that say something about a file, and not about this process or the whole machine."""


def check_manifest_name(raw: bytes, build: Digest) -> None:
    """Raises DamagedError unless ``raw`` are the bytes that ``build`` names."""
    if blake3_digest(raw) != build.raw:
        raise DamagedError(f"the manifest of the build {build.short} is not what its name says")


class Builds:
    """``builds/`` of a store."""

    def __init__(self, directory: Dir) -> None:
        self.directory = directory

    def close(self) -> None:
        self.directory.close()

    def has(self, build: Digest) -> bool:
        return self.directory.lstat(build) is not None

    def ids(self) -> list[Digest]:
        """All builds, sorted. What is not named as one, or no directory, is left out."""
        return sorted(
            Digest(entry.name)
            for entry in self.directory.entries()
            if is_digest(entry.name) and entry.is_dir(follow_symlinks=False)
        )

    def manifest_bytes(self, build: Digest) -> bytes:
        """The manifest's bytes, proved against the build's name. Raises NotFoundError, DamagedError."""
        try:
            with self.directory.sub(build) as directory:
                raw = directory.read(MANIFEST_NAME, manifests.MAX_BYTES)
        except FileNotFoundError:
            raise NotFoundError(f"the build {build.short} is not in the store") from None
        except StoreError as error:
            raise DamagedError(f"the manifest of the build {build.short}: {error.what}") from None
        except OSError as error:
            if error.errno not in _OF_THE_FILE:
                raise
            reason = error.strerror or str(error)
            raise DamagedError(f"the manifest of the build {build.short} cannot be read: {reason}") from None
        check_manifest_name(raw, build)
        return raw

    def manifest(self, build: Digest) -> Manifest:
        """Raises NotFoundError, DamagedError."""
        try:
            return Manifest.parse(self.manifest_bytes(build))
        except FormatError as error:
            raise DamagedError(f"the manifest of the build {build.short}: {error.what}") from None

    def check(self, build: Digest) -> list[Finding]:
        """Everything of the build that is not what its name promises; empty when it is whole.

        What somebody added to its tree is none of that: a service may write beside its program.
        """
        manifest = self._manifest_or_finding(build)
        if isinstance(manifest, Finding):
            return [manifest]
        return [
            finding for finding in self._compare(build, TREE_NAME, manifest, Proved()) if not finding.foreign
        ]

    def survey(self, build: Digest, proved: Proved | None = None) -> list[Finding]:
        """As ``check``, and what is foreign in its tree, and whether its originals are there.

        ``proved`` carries what was read from one call to the next.
        """
        manifest = self._manifest_or_finding(build)
        if isinstance(manifest, Finding):
            return [manifest]
        proved = proved or Proved()
        findings = self._compare(build, TREE_NAME, manifest, proved)
        links = originals.links(manifest)
        if links.entries:
            findings += self._compare(build, originals.NAME, links, proved)
        return findings

    def _manifest_or_finding(self, build: Digest) -> Manifest | Finding:
        try:
            return self.manifest(build)
        except NotFoundError:
            return Finding(f"builds/{build}/{MANIFEST_NAME}", "is missing")
        except DamagedError as error:
            return Finding(f"builds/{build}/{MANIFEST_NAME}", error.what)

    def _compare(self, build: Digest, area: str, manifest: Manifest, proved: Proved) -> list[Finding]:
        """What is wrong with the directory ``area`` of a build, which ``manifest`` describes."""
        place = f"builds/{build}/{area}"
        try:
            with self.directory.sub(build) as directory:
                problem = check_top(directory, area)
                findings = [Finding(place, problem)] if problem else []
                if directory.is_directory(area):
                    with directory.sub(area) as tree:
                        findings += [
                            finding._replace(path=f"{place}/{finding.path}")
                            for finding in check_tree(tree, manifest, proved)
                        ]
                return findings
        except FileNotFoundError:
            return [Finding(place, "is missing")]  # collected meanwhile
        except PermissionError:
            return [Finding(place, "may not be opened by this account")]
