"""What other people wrote in ``relstore/vendored``: its digests, which every build checks, and what it is.

``packaging/vendored.sha256`` is a list for ``sha256sum --check``. Not for how it gets to hosts; that is the
bundle's (``relstore/client/connection/bundle.py``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

LIST = Path("packaging", "vendored.sha256")
FOLDER = Path("relstore", "vendored")


class Vendored(NamedTuple):
    """One package. ``files``: their digests by their paths below the root of the repository."""

    name: str
    version: str
    licence: str
    files: Mapping[str, str]


def digests(root: Path) -> dict[str, str]:
    """The SHA-256 that each file must have, by its path."""
    lines = (root / LIST).read_text(encoding="ascii").splitlines()
    return {path: digest for digest, path in (line.split("  ", 1) for line in lines)}


def differences(root: Path) -> list[str]:
    """Files that are not as listed, are missing, or are not listed."""
    listed = digests(root)
    there = {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (root / FOLDER).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "README.md"
    }
    return sorted(path for path in listed.keys() | there.keys() if listed.get(path) != there.get(path))


def msgpack(root: Path) -> Vendored:
    """The one package that is vendored."""
    source = (root / FOLDER / "msgpack" / "__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "([\d.]+)"$', source, re.MULTILINE)
    if version is None:
        raise ValueError("the vendored msgpack does not say which version it is")
    return Vendored("msgpack", version[1], "Apache-2.0", digests(root))
