"""A small JSON file that remembers something. Reading and writing it never fail: nothing depends on it."""

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
    """The object in the file; an empty one when there is none, or it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def save(path: Path, value: dict[str, Any]) -> None:
    """Replace what was in the file, by rename."""
    with contextlib.suppress(OSError), replacing(path) as new:
        new.write_text(json.dumps(value), encoding="utf-8")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new, empty file, which replaces ``path`` when the block ends without an error. Raises OSError."""
    make_private(path.parent)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
        try:
            yield Path(file.name)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def make_private(directory: Path) -> None:
    """Make what is missing of a path, for this account alone whatever the umask. Raises OSError."""
    if not directory.is_dir():
        make_private(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)
