"""A file that takes the place of another at once, or not at all. Not durable: for what may be lost.

What must not be lost is on hosts, and is written by ``store.durable``.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
