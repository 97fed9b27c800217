"""How much of an app's history its owner wants to keep: a small file beside the app's chain.

It came with a push, so that a collection gives the same answer whoever runs it. The format is in
``docs/formats/retention.md``. Not for judging generations by it (``gc.policy``).
"""

from __future__ import annotations

from relstore.errors import DamagedError, FormatError
from relstore.formats.retention import MAX_BYTES, Policy
from relstore.store import durable
from relstore.store.directory import Dir

FILE = "retention"


def read(app: Dir) -> Policy:
    """That of an app; an empty one where none was given. Raises DamagedError."""
    raw = app.read_or_none(FILE, MAX_BYTES)
    if raw is None:
        return Policy()
    try:
        return Policy.parse(raw)
    except FormatError as error:
        raise DamagedError(
            f"{app.path}/{FILE}: {error.what}",
            state="Nothing was removed.",
            hint="The next push of a new release writes it anew; or remove the file.",
        ) from None


def write(app: Dir, policy: Policy) -> None:
    """Durably, in the place of what was there."""
    durable.replace_file(app, FILE, policy.encode())
