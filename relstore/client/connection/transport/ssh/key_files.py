"""Key files as they were read, once in a run: for many logins the same ones are needed again and again.

Not for the order in which keys are offered (``identities``).
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import asyncssh


class KeyFile(NamedTuple):
    """The keys in a file, with their certificates; or why it cannot be used."""

    keys: tuple[asyncssh.SSHKeyPair, ...] = ()
    is_locked: bool = False
    """Whether it wants a passphrase."""
    problem: str = ""


class KeyFiles:
    """Those of one run."""

    def __init__(self) -> None:
        self._public: dict[str, bytes | None] = {}
        self._private: dict[tuple[str, tuple[bytes, ...]], KeyFile] = {}

    def public_blob(self, path: str) -> bytes | None:
        """The public half of a key file, from ``path.pub`` or from the readable part of the file."""
        if path not in self._public:
            self._public[path] = _public_blob(path)
        return self._public[path]

    def private(self, path: str, certificates: list[asyncssh.SSHCertificate]) -> KeyFile:
        """The file. What asyncssh notes in a pair during a login is for that login alone."""
        key = (path, tuple(each.public_data for each in certificates))
        if key not in self._private:
            self._private[key] = _read(path, certificates)
        found = self._private[key]
        return found._replace(keys=tuple(map(copy.copy, found.keys)))


def _read(path: str, certificates: list[asyncssh.SSHCertificate]) -> KeyFile:
    try:
        return KeyFile(tuple(asyncssh.load_keypairs(path, certlist=certificates)))
    except asyncssh.KeyImportError as exc:
        if "assphrase" in str(exc):
            return KeyFile(is_locked=True)
        return KeyFile(problem=f"{path}: {exc}")
    except (OSError, ValueError) as exc:
        return KeyFile(problem=f"{path}: {exc}")


def _public_blob(path: str) -> bytes | None:
    for candidate in (f"{path}.pub", path):
        try:
            return asyncssh.read_public_key(candidate).public_data
        except (OSError, ValueError):
            continue
    return None
