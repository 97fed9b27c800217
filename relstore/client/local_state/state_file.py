"""A small JSON file of what was learned. Only a help: reading and writing it never fail."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
    with contextlib.suppress(OSError), taking_the_place_of(path) as new:
        new.write_text(json.dumps(found), encoding="utf-8")


@contextmanager
def taking_the_place_of(place: Path) -> Iterator[Path]:
    """A new, empty file; it is at ``place`` when the block has ended well. Raises OSError."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=place.parent, prefix=".new-", delete=False) as file:
        try:
            yield Path(file.name)
            os.replace(file.name, place)
        except BaseException:
            os.unlink(file.name)
            raise
