"""What every conversation has: ``Done`` and ``Failure``, the steps of long work, and the bound on texts.

Not for the messages of one subject; each subject has a file of its own.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from relstore.errors import RelstoreError, from_wire

MAX_TEXT = 4000
MAX_STEP_TEXT = 200


class Done(NamedTuple):
    pass


class Step(NamedTuple):
    """What the host is doing now, for people; ``done`` of ``total`` where that is known."""

    name: str
    done: int
    total: int
    text: Optional[str] = None
    """What it waits for, in at most MAX_STEP_TEXT characters; None where there is nothing to say."""


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
