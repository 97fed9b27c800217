"""All generations of an app side by side, to choose from, without reading one of them.

Not for choosing (``history``) nor for what is in a record (``App.row``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import overload

from relstore.formats.names import Digest
from relstore.store.history import Brief, brief_of
from relstore.store.ledger import Ledger


class Table(Sequence[Brief]):
    """All generations in brief, in the order of their numbers, each made when it is looked at."""

    def __init__(
        self,
        ledger: Ledger,
        current: int | None,
        linked: Collection[int],
        pins: Sequence[tuple[str, int]],
    ) -> None:
        self.ledger = ledger
        self._checkpoint = ledger.checkpoint
        self._current = current
        self._linked = linked
        self._pins = pins

    def __len__(self) -> int:
        return self._checkpoint.generations

    @overload
    def __getitem__(self, index: int) -> Brief: ...
    @overload
    def __getitem__(self, index: slice) -> list[Brief]: ...
    def __getitem__(self, index: int | slice) -> Brief | list[Brief]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        number = range(1, len(self) + 1)[index]
        facts = self._checkpoint.facts(number)
        return brief_of(facts, number, self._current, self._linked, self._pins)

    @property
    def head(self) -> Digest | None:
        """The digest of the last record, which names the whole chain; None when there is none."""
        return self._checkpoint.facts(len(self)).record if len(self) else None

    @property
    def current(self) -> Brief | None:
        """The current one, if it is there."""
        number = self._current
        if number is None or number not in self._linked or not 1 <= number <= len(self):
            return None
        return self[number - 1]

    @property
    def not_deleted(self) -> list[int]:
        """The numbers of those that are not deleted, ascending."""
        last = len(self)
        return sorted(number for number in self._linked if number <= last)

    @property
    def present(self) -> int:
        """How many are not deleted."""
        return len(self.not_deleted)

    @property
    def special(self) -> list[int]:
        """The current one and the pinned ones, as far as they are there, ascending."""
        numbers = {self._current or 0, *(number for _, number in self._pins)}
        return sorted(number for number in numbers if 1 <= number <= len(self) and number in self._linked)

    def of(self, ledger: Ledger) -> Table:
        """The same by another reading."""
        return Table(ledger, self._current, self._linked, self._pins)

    def numbers_of(self, builds: Collection[Digest]) -> list[int]:
        """The generations of these builds, ascending."""
        return [each.number for each in self if each.build in builds] if builds else []
