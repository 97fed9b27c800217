"""What people say about generations and apps: pin, delete, hold and mark.

Each is one durable entry or file. Not for what follows from it (``job``, ``store.history``, ``gc``).
"""

from __future__ import annotations

import time
from collections.abc import Collection

from relstore.errors import FormatError, RefusedError
from relstore.formats import generation as generation_format
from relstore.formats import hold as hold_format
from relstore.formats import journal as journal_format
from relstore.formats.journal import Event, Judgement
from relstore.host.requests import job_needs, replies
from relstore.protocol import Delete, Done, Hold, Mark, Pin, RowOut, Unheld, Unhold, Unpin
from relstore.store import history, journal
from relstore.store import hold as holds
from relstore.store.history import Brief
from relstore.store.slots import Slots
from relstore.store.store import Store


def pin(store: Store, request: Pin) -> RowOut:
    """Keep a generation whatever the policy. Raises NotFoundError."""
    with store.shared(), store.app(request.app) as app:
        table = app.table()
        row = app.row(table, history.resolve(request.spec, table))
        app.pin(request.name, row.number)
    return replies.row_out(row)


def unpin(store: Store, request: Unpin) -> Done:
    """Leave the generation to the policy again. Raises NotFoundError."""
    with store.shared(), store.app(request.app) as app:
        app.unpin(request.name)
    return Done()


def delete(store: Store, request: Delete) -> tuple[Done, list[RowOut]]:
    """Remove generations, or refuse all of them when one is needed. Raises RefusedError, NotFoundError."""
    with store.exclusive(), store.app(request.app) as app:
        app.check_pins()
        table = app.table()
        chosen = list({(one := history.resolve(spec, table)).number: one for spec in request.specs}.values())
        in_jobs = job_needs.of(app).generations
        in_slots = Slots(app.directory, store.durability).generations().values()
        target = history.rollback_target(table)
        for one in chosen:
            _check_deletable(one, target, in_jobs, in_slots)
        rows = app.rows_of(table, chosen)
        if not request.dry_run:
            numbers = [one.number for one in chosen]
            now = int(time.time())
            app.unlink_generations(numbers)
            events = [
                Event(now, journal_format.DELETED, number, 0, "", request.who, "by hand")
                for number in numbers
            ]
            journal.append(app.directory, *events)
    return Done(), [replies.row_out(row) for row in rows]


def _check_deletable(row: Brief, target: Brief | None, in_jobs: set[int], in_slots: Collection[int]) -> None:
    number = row.number
    why = ""
    if row.state == generation_format.CURRENT:
        why = "it is current"
    elif target is not None and number == target.number:
        why = "it is the one to roll back to"
    elif row.pins:
        why = f"it is pinned as {', '.join(row.pins)}"
    elif number in in_slots:
        why = "a slot runs it"
    elif number in in_jobs:
        why = "a job or a rollout needs it"
    if why:
        raise RefusedError(
            f"generation {number} cannot be deleted: {why}",
            state="Nothing was changed.",
            hint="Leave it out." if not row.pins else "`relstore unpin` it first.",
        )


def hold(store: Store, request: Hold) -> Done:
    """From here on activations are refused. Raises FormatError."""
    if not request.message.strip() or len(request.message) > hold_format.MAX_MESSAGE:
        raise FormatError(f"the message of a hold has 1 to {hold_format.MAX_MESSAGE} characters")
    with store.app(request.app) as app:
        holds.place(app.directory, hold_format.AppHold(request.who, int(time.time()), request.message))
    return Done()


def unhold(store: Store, request: Unhold) -> Unheld:
    """Let activations happen again."""
    with store.app(request.app) as app:
        return Unheld(holds.lift(app.directory))


def mark(store: Store, request: Mark) -> RowOut:
    """Record a person's word on a generation; the row as it is then. Raises NotFoundError."""
    with store.app(request.app) as app:
        table = app.table()
        number = app.row(table, history.resolve(request.spec, table)).number
        word: Judgement = journal_format.MARKED_GOOD if request.good else journal_format.MARKED_BAD
        journal.append(
            app.directory, Event(int(time.time()), word, number, 0, "", request.who, request.reason)
        )
        table = app.table()
        return replies.row_out(app.row(table, table[number - 1]))
