"""Reading one file of an artifact: both digests from one read, and what is said when that fails.

Other programs may write to the artifact at the same time, so a file may have gone, have grown, or have become
something else. Not for trees (``scan``).
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from relstore.client.artifact import private_key
from relstore.client.local_state.scan_cache import KnownFile, Stamp
from relstore.errors import ArtifactError

_CHUNK_BYTES = 1024 * 1024

_HINTS = {
    errno.EACCES: "Make it readable for the account that pushes, or leave it out of the artifact.",
    errno.EPERM: "Make it readable for the account that pushes, or leave it out of the artifact.",
    errno.ENAMETOOLONG: "Push from a directory with a shorter path.",
    errno.ELOOP: "The symlinks lead back to themselves; name the artifact by its real path.",
    errno.EMFILE: "Raise the limit of open files: `ulimit -n 4096`.",
    errno.EIO: "Look at this machine's disk (`dmesg`).",
    errno.ESTALE: "The file system that holds it has changed under it: push again.",
}


class Read(NamedTuple):
    """A file that was read."""

    file: KnownFile
    mode: int
    settled: bool
    """Whether its stamp distinguishes this content from any later one."""
    is_private_key: bool = False


def read_file(source: str) -> Read:
    """Both digests and the size of a file, from one read. Raises OSError, ArtifactError."""
    name, check, size, is_key = blake3(), hashlib.sha256(), 0, False
    read_at = time.time_ns()
    try:
        with open(source, "rb", buffering=0, opener=open_regular) as file:
            before = os.fstat(file.fileno())
            buffer = bytearray(min(_CHUNK_BYTES, before.st_size + 1))
            view = memoryview(buffer)
            while count := file.readinto(buffer):
                name.update(view[:count])
                check.update(view[:count])
                if size == 0 and before.st_size <= private_key.MAX_BYTES:
                    is_key = private_key.is_private_key(buffer)
                size += count
                if size > before.st_size:  # whoever writes may never stop
                    raise changed(source)
            after = os.fstat(file.fileno())
    except OSError as error:
        error.filename = error.filename or source  # errors of reading name no file
        raise
    stamp = Stamp.from_stat(before)._replace(size=size)
    settled = stamp == Stamp.from_stat(after) and not stamp.racy(read_at)
    return Read(KnownFile(stamp, name.digest(), check.digest()), before.st_mode, settled, is_key)


def open_regular(path: str, flags: int) -> int:
    """Open what was a regular file a moment ago; a FIFO in its place must not make us wait."""
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO):
            raise changed(path) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise changed(path)
    return descriptor


def changed(source: str) -> ArtifactError:
    """The error for a file that has changed since it was scanned."""
    return ArtifactError(
        f"{source} changed while it was being pushed",
        path=source,
        state="Nothing was changed on the host.",
        hint="Push again when the build has finished.",
    )


def unreadable(artifact: Path, error: OSError) -> ArtifactError:
    """The error for what could not be read of an artifact."""
    path = os.fsdecode(error.filename) if error.filename is not None else str(artifact)
    if isinstance(error, FileNotFoundError) and path != str(artifact):
        return ArtifactError(
            f"{path} vanished while the artifact was read",
            path=path,
            hint="Push again when whatever writes there has finished.",
        )
    if isinstance(error, FileNotFoundError):
        return ArtifactError(
            f"{path} does not exist", path=path, hint="Name what to push: relstore push PATH"
        )
    return ArtifactError(f"{path}: {error.strerror}", path=path, hint=_HINTS.get(error.errno or 0, ""))
