"""The digest of this relstore's bundle for hosts, remembered as long as none of its source files changes.

To make the bundle takes 30 ms, and nearly every run needs nothing of it but this name: most hosts have it.
Not for the bundle (``bundle``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import relstore
from relstore.client.local_state.state_file import StateFile

try:
    from _blake2 import blake2b  # hashlib's own, without OpenSSL, which takes longer to load
except ImportError:
    from hashlib import blake2b

_INSTALLATIONS = 8
_HEX_DIGITS = 64


def helper_digest(path: Path) -> str:
    """The SHA-256 of the bundle in hexadecimal; ``path``: the file in which it is remembered."""
    installation = relstore.__path__[0]
    stamp = _stamp(installation)
    if not stamp:  # not in files of its own: in a zip, for example
        return made_digest()
    file = StateFile(path, _INSTALLATIONS)
    match file.entries.get(installation):
        case [then, str(digest)] if then == stamp and len(digest) == _HEX_DIGITS:
            return digest
    digest = made_digest()
    file.put(installation, [stamp, digest])
    file.flush()
    return digest


def made_digest() -> str:
    """As ``helper_digest``, without remembering anything: makes the bundle, once in a run."""
    from relstore.client.connection.bundle import bundle

    return bundle().digest


def _stamp(installation: str) -> str:
    """Of all files that the bundle is made of; ``""`` where they cannot be looked at."""
    try:
        files = sorted(_files(installation))
    except OSError:
        return ""
    return str(blake2b(repr(files).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest())


def _files(installation: str) -> Iterator[tuple[str, int, int, int, int]]:
    for name in relstore.HOST_MODULES:
        path = os.path.join(installation, f"{name}.py")
        yield _seen(path, os.stat(path))
    for package in (*relstore.HOST_PACKAGES, "vendored"):
        yield from _below(os.path.join(installation, package))


def _below(directory: str) -> Iterator[tuple[str, int, int, int, int]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _below(entry.path)
            elif entry.name.endswith(".py"):
                yield _seen(entry.path, entry.stat())


def _seen(path: str, status: os.stat_result) -> tuple[str, int, int, int, int]:
    # The inode and ctime as well: two builds of a wheel may give a file the same size and the same mtime.
    return path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
