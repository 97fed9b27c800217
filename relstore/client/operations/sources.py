"""Where this machine may still have the contents of a build that was pushed from it.

The cache has most of them; what it has lost may still be in the artifact that was pushed last. Every content
is proved by its BLAKE3, and the host proves it again. Not for what a host has itself (``store.refill``).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from relstore.client.artifact.read_file import read_file
from relstore.client.local_state.cache import MIN_BYTES
from relstore.client.local_state.small_contents import SmallContents
from relstore.client.transfer.send_options import SendOptions
from relstore.errors import ArtifactError
from relstore.formats.manifest import ObjectRef
from relstore.formats.names import AppName, Digest


@contextlib.contextmanager
def sources(options: SendOptions, app: AppName, refs: Sequence[ObjectRef]) -> Iterator[dict[Digest, str]]:
    """A file for each of the contents that this machine has, while the block lasts."""
    cache = options.cache
    files = {
        ref.blake3: str(cache.content_path(ref.blake3))
        for ref in refs
        if ref.size >= MIN_BYTES and cache.get(ref.blake3) is not None
    }
    with TemporaryDirectory(prefix="relstore-") as directory:
        small = [ref.blake3 for ref in refs if ref.size < MIN_BYTES]
        for name, data in SmallContents(cache).get(small).items():
            path = Path(directory) / name
            path.write_bytes(data)
            files[name] = str(path)
        missing = [ref for ref in refs if ref.blake3 not in files]
        artifact = options.recent.artifact(app)
        if missing and artifact is not None:
            files.update(_in_artifact(artifact, missing))
        yield files


def _in_artifact(artifact: Path, missing: Sequence[ObjectRef]) -> Iterator[tuple[Digest, str]]:
    """Those of the contents that some file of the artifact has; only files of the right sizes are read."""
    sizes = {ref.size for ref in missing}
    names = {ref.blake3.raw: ref.blake3 for ref in missing}
    for path in _files(artifact):
        with contextlib.suppress(OSError, ArtifactError):
            if os.lstat(path).st_size in sizes:
                name = names.get(read_file(path).file.blake3)
                if name is not None:
                    yield name, path


def _files(artifact: Path) -> Iterator[str]:
    if artifact.is_file():
        yield str(artifact)
    for directory, _, names in os.walk(artifact):
        yield from (os.path.join(directory, name) for name in names)
