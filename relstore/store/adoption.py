"""The file that says what an app took over from another tool (``formats.adoption``).

Not for taking it over (``host.adopt``).
"""

from __future__ import annotations

from relstore.errors import DamagedError, FormatError
from relstore.formats.adoption import MAX_BYTES, Adoption
from relstore.store import durable
from relstore.store.directory import Dir

FILE = "adopted"


def read(app: Dir) -> Adoption | None:
    """That of an app; None where nothing was taken over. Raises DamagedError."""
    raw = app.read_or_none(FILE, MAX_BYTES)
    if raw is None:
        return None
    try:
        return Adoption.parse(raw)
    except FormatError as error:
        raise DamagedError(
            f"{app.path}/{FILE}: {error.what}",
            state="The path that was taken over was left alone.",
            hint="`relstore adopt` with --from writes it anew.",
        ) from None


def write(app: Dir, adoption: Adoption) -> None:
    """Durably, in the place of what was there."""
    durable.replace_file(app, FILE, adoption.encode())


def forget(app: Dir) -> None:
    """The path was given back."""
    durable.remove_name(app, FILE)
