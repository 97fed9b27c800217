"""How long the texts of a request may be: whatever a request writes must be readable afterwards.

Not for what they mean; the handlers of the requests check that.
"""

from __future__ import annotations

from typing import Any

from relstore.errors import FormatError
from relstore.formats.generation import MAX_NOTE, MAX_WHO
from relstore.formats.hold import MAX_MESSAGE
from relstore.formats.journal import MAX_REASON
from relstore.formats.origin_url import MAX_URL
from relstore.formats.rollout import MAX_NAME, MAX_PLAN_BYTES

MAX_TEXT = 32 * 1024
"""Of any text that has no bound of its own: a word of a command, for example. Characters or bytes."""

MAX_UNIT_FILE = 256 * 1024
MAX_AUTHORITIES = 256 * 1024

_BOUNDS = {
    ("InstallUnit", "text"): MAX_UNIT_FILE,
    ("Draw", "url"): MAX_URL,
    ("Draw", "authorities"): MAX_AUTHORITIES,
    ("CheckOrigin", "draw"): MAX_AUTHORITIES,
    "who": MAX_WHO,
    "note": MAX_NOTE,
    "reason": MAX_REASON,
    "rollout": 64,
    ("RolloutBeginning", "plan"): MAX_PLAN_BYTES,
    ("RolloutBeginning", "keepers"): MAX_NAME,
    "rejects": MAX_REASON,
    "why": MAX_REASON,
    "message": MAX_MESSAGE,
    "password": 1024,
    "spec": 255,
    "specs": 255,
}


def check(request: Any) -> None:
    """Raises FormatError for a request with a text that is too long."""
    kind = type(request).__name__
    for name, value in zip(request._fields, request):
        _check(
            value, f"{name!r} of the request {kind}", _BOUNDS.get((kind, name), _BOUNDS.get(name, MAX_TEXT))
        )


def _check(value: Any, what: str, most: int) -> None:
    if isinstance(value, (str, bytes)):
        if len(value) > most:
            raise FormatError(
                f"{what} has {len(value):,} characters; at most {most:,}",
                state="Nothing was changed.",
                hint="Shorten it.",
            )
    elif hasattr(value, "_fields"):
        kind = type(value).__name__
        for name, item in zip(value._fields, value):
            _check(item, what, _BOUNDS.get((kind, name), _BOUNDS.get(name, most)))
    elif isinstance(value, tuple):
        for item in value:
            _check(item, what, most)
