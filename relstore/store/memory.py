"""What this process, and those before it, have read and proved of an app.

Not for whether it still holds (``ledger``) nor for the file that keeps it (``checkpoints``).
"""

from __future__ import annotations

from relstore.formats.checkpoint import Checkpoint
from relstore.store import checkpoints
from relstore.store.directory import Dir
from relstore.store.ledger import Ledger

EVERY = 64
"""So many generations or events are read again and again before they are worth writing."""


class Memory:
    """What is known of one app: in this process, and beyond it in the file.

    ``is_kept``: whether to read and write the file.
    """

    def __init__(self, *, is_kept: bool) -> None:
        self._is_kept = is_kept
        self._found: Checkpoint | None = None
        self._written: Checkpoint | None = None
        self._is_read = not is_kept

    def known(self, app: Dir) -> Checkpoint | None:
        """What was read before; it may not hold any more."""
        if not self._is_read:
            self._is_read = True
            self._found = self._written = checkpoints.read(app)
        return self._found

    def keep(self, app: Dir, ledger: Ledger) -> None:
        """Remember what was read, and write it when that saves the next command enough."""
        if not ledger.is_complete:
            return
        found = self._found = ledger.checkpoint
        if not ledger.went_on:
            self._written = None
        generations, events = (self._written.generations, self._written.events) if self._written else (0, 0)
        if self._is_kept and max(found.generations - generations, found.events - events) >= EVERY:
            self._written = found  # also where that fails, which it would again
            checkpoints.write(app, found)

    def forget(self) -> None:
        """Believe nothing that was read, and not the file either."""
        self._found = self._written = None
        self._is_read = True
