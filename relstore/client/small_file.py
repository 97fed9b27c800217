"""A small JSON file of what was learned. Only a help: reading and writing it never fail."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from relstore.client.atomic import taking_the_place_of

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
    with contextlib.suppress(OSError), taking_the_place_of(path) as new:
        new.write_text(json.dumps(found), encoding="utf-8")
