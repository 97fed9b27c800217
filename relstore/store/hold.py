"""A hold: a person's word that an app is not to be activated for now, until it is taken back.

Unlike a lock it belongs to no process, survives everything, and is never waited out. One file beside
the app's link. Not for taking turns (``locks``).
"""

from __future__ import annotations

from relstore.errors import DamagedError, FormatError
from relstore.formats.hold import MAX_BYTES, AppHold
from relstore.store import durable
from relstore.store.directory import Dir

NAME = "hold"


def read(app: Dir) -> AppHold | None:
    """The hold of the app in this directory, or None. Raises DamagedError: when unsure, it is held."""
    raw = app.read_or_none(NAME, MAX_BYTES)
    if raw is None:
        return None
    try:
        return AppHold.parse(raw)
    except FormatError as error:
        raise DamagedError(
            f"the file {app.path}/{NAME} cannot be read: {error.what}",
            state="The app counts as held.",
            hint="`relstore unhold` removes it.",
        ) from None


def place(app: Dir, hold: AppHold) -> None:
    """Durable when this returns; it replaces an earlier one. Raises FormatError."""
    raw = hold.encode()
    AppHold.parse(raw)
    durable.replace_file(app, NAME, raw)


def lift(app: Dir) -> bool:
    """Whether there was one."""
    was_held = app.lstat(NAME) is not None
    durable.remove_name(app, NAME)
    return was_held
