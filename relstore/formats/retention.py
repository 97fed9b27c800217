"""A retention policy: which generations of an app to keep. docs/formats/retention.md has the bytes.

Not for keeping it on a host (``store.retention``), nor for applying it (``gc.policy``).
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from relstore.errors import FormatError
from relstore.formats import pack

MAGIC = "relstore-retention"
VERSION = 1
MAX_KEEP = 1_000_000
"""More generations than a host will ever have."""
MAX_SECONDS = 100 * 366 * 86_400
MAX_SIZE = 1 << 60
MAX_BYTES = 256


class Policy(NamedTuple):
    """``keep``: how many good generations to keep; ``keep_within``: the seconds within which all are kept.

    With both, a generation is kept if either keeps it. With neither, every generation is kept. ``max_size``:
    how many bytes the builds of the app may have together; beyond that the oldest are removed, even if the
    other two would keep them.
    """

    keep: Optional[int] = None
    keep_within: Optional[int] = None
    max_size: Optional[int] = None

    @property
    def is_empty(self) -> bool:
        return self == (None, None, None)

    @classmethod
    def parse(cls, raw: bytes) -> Policy:
        """Raises FormatError unless ``raw`` is exactly what ``encode`` writes."""
        fields = pack.decode_fields(
            raw, what="retention", magic=MAGIC, version=VERSION, count=3, limit=MAX_BYTES
        )
        return cls(*fields).checked()

    def checked(self) -> Policy:
        """The policy itself. Raises FormatError if a value is out of range."""
        _check(self.keep, "number of generations", MAX_KEEP)
        _check(self.keep_within, "time", MAX_SECONDS)
        _check(self.max_size, "size", MAX_SIZE)
        return self

    def encode(self) -> bytes:
        return pack.encode_fields(MAGIC, VERSION, self)


def _check(value: object, what: str, most: int) -> None:
    if value is not None and (type(value) is not int or not 1 <= value <= most):
        raise FormatError(f"a retention whose {what} is not within 1 to {most}")
