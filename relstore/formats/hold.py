"""A hold: who stopped activations of an app, when, and why. docs/formats/store.md has the bytes.

Not for placing or obeying one (``store.hold``).
"""

from __future__ import annotations

from typing import NamedTuple

from relstore.errors import FormatError
from relstore.formats import pack
from relstore.formats.generation import MAX_TIME

MAX_MESSAGE = 2000
MAX_BYTES = 16 * 1024
_MAGIC = "relstore-hold"
_VERSION = 1


class AppHold(NamedTuple):
    who: str
    since: int
    """Seconds since 1970, by the host's clock."""
    message: str

    def encode(self) -> bytes:
        return pack.encode_fields(_MAGIC, _VERSION, self)

    @classmethod
    def parse(cls, raw: bytes) -> AppHold:
        """Raises FormatError."""
        fields = pack.decode_fields(
            raw, what="hold", magic=_MAGIC, version=_VERSION, count=3, limit=MAX_BYTES
        )
        if [type(field) for field in fields] != [str, int, str]:
            raise FormatError("a hold whose fields are not a text, a number and a text")
        if not 0 <= fields[1] <= MAX_TIME:
            raise FormatError("a hold of a time that no clock shows")
        return cls(*fields)
