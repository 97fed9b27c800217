"""What one host gave to a command. Not for showing it (``each_host``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from relstore.errors import RelstoreError

if TYPE_CHECKING:
    from relstore.client.target import Target

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What one host gave: a value, an error, or both (a report of problems there)."""

    target: Target
    value: T | None
    error: RelstoreError | None
