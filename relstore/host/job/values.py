"""What a job's two files say: what it is to do, and how far it is.

Pure: bytes in, values out. Where the files lie, and who writes them when, is ``directory``'s business.
"""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple, Optional, TypeVar

import relstore
from relstore.errors import (
    DamagedError,
    FormatError,
    NewerFormatError,
    NewerStoreError,
    ProtocolError,
    UsageError,
)
from relstore.formats import pack
from relstore.formats.cut_over import LINK, NONE
from relstore.formats.recipe import Recipe
from relstore.protocol import fields as shape

MAX_BYTES = 256 * 1024
_MAX_REASON = 16_000
"""Characters. The state must be readable, however much a release printed."""

_MAGIC = "relstore-job"
_VERSION = 2
_SLOTS_VERSION = 3
"""Of a request with slots, which an older relstore must not take for one without."""
_FRONT_VERSION = 4
"""Of one with a way that an older relstore does not know, and would take for a link."""
_VARIABLES_VERSION = 5
"""Of one whose commands have variables of the host, without which they would do something else."""
_VERSIONS = (_VERSION, _SLOTS_VERSION, _FRONT_VERSION, _VARIABLES_VERSION)

QUEUED = "queued"
STARTED = "started"
DONE = "done"

T = TypeVar("T")


class JobRequest(NamedTuple):
    """What a job is to do. Written once, durably, before the job starts."""

    generation: int
    who: str
    created: int
    recipe: Recipe
    lock_wait: int = 0
    """Seconds to wait for another activation to end."""
    override_hold: bool = False
    confirm_hash: Optional[bytes] = None
    """The SHA-256 of the token that confirms it, where it must be confirmed."""


class JobState(NamedTuple):
    """How far a job is. ``step`` is ``done`` at the end, and then ``outcome`` says how it ended."""

    step: str
    previous: int
    outcome: str
    current: int
    reason: str

    def encode(self) -> bytes:
        """Always short enough to be read again."""
        return encode(self._replace(reason=self.reason[:_MAX_REASON]))


def encode(value: Any) -> bytes:
    """Raises FormatError for what could not be read again."""
    raw = pack.encode_fields(_MAGIC, _version(value), [shape.to_values(shape.readable(value))])
    if len(raw) > MAX_BYTES:
        raise FormatError(
            f"the {type(value).__name__} of a job has {len(raw):,} bytes; at most {MAX_BYTES:,}"
        )
    return raw


def decode(raw: bytes, name: str, kind: type[T]) -> T:
    """``name``: of which file of which job, for the errors. Raises DamagedError, NewerStoreError."""
    *earlier, last = _VERSIONS if kind is JobRequest else (_VERSION,)
    try:
        for version in earlier:
            with contextlib.suppress(NewerFormatError):
                return shape.from_values(kind, _fields(raw, name, version))
        return shape.from_values(kind, _fields(raw, name, last))
    except NewerFormatError as error:
        raise NewerStoreError.of(f"the {name}", error.what, needed="", own=relstore.__version__) from None
    except (FormatError, ProtocolError, UsageError) as error:
        raise DamagedError(f"the {name}: {error.what}") from None


def _version(value: Any) -> int:
    if isinstance(value, JobRequest) and value.recipe.variables is not None:
        return _VARIABLES_VERSION
    cut_over = value.recipe.cut_over if isinstance(value, JobRequest) else None
    if cut_over is None:
        return _VERSION
    return _SLOTS_VERSION if cut_over.way in (LINK, NONE) else _FRONT_VERSION


def _fields(raw: bytes, name: str, version: int) -> Any:
    (value,) = pack.decode_fields(raw, what=name, magic=_MAGIC, version=version, count=1, limit=MAX_BYTES)
    return value
