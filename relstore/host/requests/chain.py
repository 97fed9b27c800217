"""What a chain shows to a client that saw it before: the record that it saw, and those that came after.

Not for proving that they continue what the client remembers; the client does that itself.
"""

from __future__ import annotations

from relstore.formats.generation import record_digest
from relstore.protocol import MAX_PAST, PastOut
from relstore.store.app import App


def past(app: App, number: int) -> tuple[PastOut, list[bytes]]:
    """The reply about record ``number``, and the records after it as they are on disk."""
    last = app.last_from(number)
    if last is None:
        return PastOut(0, None, None), []
    head = record_digest(app.record(last))
    if not 1 <= number <= last:
        return PastOut(last, head, None), []
    after = [app.record(later) for later in range(number + 1, min(last, number + MAX_PAST) + 1)]
    return PastOut(last, head, record_digest(app.record(number))), after
