"""A host's public key, and the names of a host in known_hosts. Pure.

Not for deciding whether a key is trusted (``known_hosts``).
"""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple

DEFAULT_PORT = 22

_LABELS = {
    "ssh-ed25519": "ED25519",
    "ssh-rsa": "RSA",
    "sk-ssh-ed25519@openssh.com": "ED25519-SK",
    "sk-ecdsa-sha2-nistp256@openssh.com": "ECDSA-SK",
}


class HostKey(NamedTuple):
    """A public key: its type (``ssh-ed25519``) and the bytes that its fingerprint covers."""

    type: str
    blob: bytes

    @classmethod
    def parse(cls, text: str) -> HostKey | None:
        """From ``ssh-ed25519 AAAA… comment``; None when that is not a key."""
        fields = text.split()
        if len(fields) < 2:
            return None
        try:
            return cls(fields[0], base64.b64decode(fields[1], validate=True))
        except ValueError:  # binascii.Error is one; so is what other than ASCII gives
            return None

    @property
    def fingerprint(self) -> str:
        """As OpenSSH prints it: ``SHA256:…``."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest())
        return "SHA256:" + digest.decode().rstrip("=")

    @property
    def label(self) -> str:
        """The type as OpenSSH prints it: ``ED25519``."""
        return _LABELS.get(self.type, "ECDSA" if self.type.startswith("ecdsa-") else self.type)

    def __str__(self) -> str:
        return f"{self.label} {self.fingerprint}"

    @property
    def line(self) -> str:
        """As it stands in a file: type and base64."""
        return f"{self.type} {base64.b64encode(self.blob).decode()}"


class HostNames(NamedTuple):
    """The names of a host in known_hosts: with its port (``full``) and without (``bare``)."""

    full: str
    bare: str

    @classmethod
    def of(cls, host: str, port: int, alias: str | None) -> HostNames:
        """An ``alias`` (HostKeyAlias) replaces the host and its port."""
        bare = (alias or host).lower()
        return cls(bare if alias or port == DEFAULT_PORT else f"[{bare}]:{port}", bare)
