"""A person's word on an app or a generation: hold it, let it go, mark a generation good or bad.

Each is one durable entry or file. Not for what follows from it (``job``, ``store.history``).
"""

from __future__ import annotations

import time

from relstore.errors import FormatError
from relstore.formats import hold as hold_format
from relstore.formats import journal as journal_format
from relstore.formats.journal import Event, Judgement
from relstore.protocol import Hold, Mark, Unhold
from relstore.store import history, journal
from relstore.store import hold as holds
from relstore.store.history import Row
from relstore.store.store import Store


def hold(store: Store, ask: Hold) -> None:
    """From here on activations are refused. Raises FormatError."""
    if not ask.message.strip() or len(ask.message) > hold_format.MAX_MESSAGE:
        raise FormatError(f"the message of a hold has 1 to {hold_format.MAX_MESSAGE} characters")
    with store.app(ask.app) as app:
        holds.place(app.directory, hold_format.Hold(ask.who, int(time.time()), ask.message))


def unhold(store: Store, ask: Unhold) -> bool:
    """Whether it was held."""
    with store.app(ask.app) as app:
        return holds.lift(app.directory)


def mark(store: Store, ask: Mark) -> Row:
    """Record the word on a generation; the row as it is then. Raises NotFoundError."""
    with store.app(ask.app) as app:
        number = history.resolve(ask.spec, app.rows()).generation.number
        word: Judgement = journal_format.MARKED_GOOD if ask.good else journal_format.MARKED_BAD
        journal.append(app.directory, Event(int(time.time()), word, number, 0, "", ask.who, ask.reason))
        return next(row for row in app.rows() if row.generation.number == number)
