"""Which relstore may change a store: the file ``needs``. docs/formats/store.md has its bytes.

A store without it is one that this version may change. Not for refusing anything (``store.store``).
"""

from __future__ import annotations

import re
from typing import NamedTuple

LEVEL = 1
"""Of the rules that this relstore keeps. It grows when a store gets what an older relstore would not keep."""
_UNREADABLE = 1 << 30
_LINE = re.compile(rb"relstore-needs ([1-9][0-9]{0,8}) ([0-9][0-9A-Za-z.+-]{0,31})\n")


class Needs(NamedTuple):
    """What whoever changes the store must know."""

    level: int
    """Of the rules to keep."""
    version: str
    """The first relstore that keeps them; empty where the file cannot be read."""

    @classmethod
    def parse(cls, raw: bytes) -> Needs:
        """Lines after the first are for newer versions. What cannot be read is newer than anything known."""
        match = _LINE.match(raw)
        return cls(int(match[1]), match[2].decode("ascii")) if match else cls(_UNREADABLE, "")

    @property
    def is_newer(self) -> bool:
        """Whether this relstore must not change the store."""
        return self.level > LEVEL


NOTHING = Needs(LEVEL, "")
"""Of a store without the file."""
