"""Whether the content of a file is a private key. Pure.

Only a line of its own counts, so that a program which knows the words is not taken for a key.
"""

from __future__ import annotations

import re

MAX_BYTES = 64 * 1024
"""Larger files are no keys."""

_WORDS = b"PRIVATE KEY"
_PEM = re.compile(rb"^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[ \t\r]*$", re.MULTILINE)
_PUTTY = b"PuTTY-User-Key-File-"


def is_private_key(content: bytearray) -> bool:
    """Whether a key in PEM, of OpenSSH, of OpenPGP or of PuTTY is in it."""
    if content.startswith(_PUTTY):
        return True
    return _WORDS in content and _PEM.search(content) is not None
