"""What every conversation has: ``Done`` and ``Failure``, the steps of long work, and the bound on texts.

Not for a subject's own messages; those stand in a file each.
"""

from __future__ import annotations

from typing import NamedTuple

from relstore.errors import RelstoreError, from_wire

MAX_TEXT = 4000


class Done(NamedTuple):
    pass


class Step(NamedTuple):
    """What the host does now, for people; ``done`` of ``total`` bytes where that is known."""

    name: str
    done: int
    total: int


class Failure(NamedTuple):
    kind: str
    what: str
    state: str
    hint: str

    @classmethod
    def of(cls, error: RelstoreError) -> Failure:
        return cls(type(error).__name__, *(text[:MAX_TEXT] for text in (error.what, error.state, error.hint)))

    def error(self) -> RelstoreError:
        return from_wire(*self)
