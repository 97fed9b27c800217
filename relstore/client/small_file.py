"""A small JSON file of what was learned. Only a help: reading and writing it never fail."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

_MAX_BYTES = 4 * 1024 * 1024


def load(path: Path) -> dict[str, Any]:
    """The object in the file; an empty one when there is none that can be read."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def save(path: Path, found: dict[str, Any]) -> None:
    """Put it in the place of what was there, by rename."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".new-", delete=False) as file:
            json.dump(found, file)
        os.replace(file.name, path)
