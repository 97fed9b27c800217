"""The journal's entries: what happened to which generation, and when. docs/formats/journal.md has the bytes.

Not for reading and appending on a host (``store.journal``).
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, Literal, NamedTuple

from relstore.errors import DamagedError, FormatError
from relstore.formats import pack
from relstore.formats.names import MAX_GENERATION

HEADER = b"relstore-journal 1\n"
MAX_ENTRY_BYTES = 64 * 1024
MAX_REASON = 4000
_LENGTH_BYTES = 4
_SUM_BYTES = 32

Outcome = Literal["active", "rolled-back", "failed", "stuck", "interrupted"]
"""How an activation ended."""

Judgement = Literal[Outcome, "marked-good", "marked-bad"]
"""What says whether a generation is good: an outcome, or a person's mark."""

EventKind = Literal["switching", Judgement, "deleted"]

SWITCHING: Final = "switching"
ACTIVE: Final = "active"
ROLLED_BACK: Final = "rolled-back"
FAILED: Final = "failed"
STUCK: Final = "stuck"
INTERRUPTED: Final = "interrupted"
DELETED: Final = "deleted"
MARKED_GOOD: Final = "marked-good"
MARKED_BAD: Final = "marked-bad"
OUTCOMES: tuple[Outcome, ...] = (ACTIVE, ROLLED_BACK, FAILED, STUCK, INTERRUPTED)
JUDGEMENTS: tuple[Judgement, ...] = (*OUTCOMES, MARKED_GOOD, MARKED_BAD)
EVENTS: tuple[EventKind, ...] = (SWITCHING, *OUTCOMES, DELETED, MARKED_GOOD, MARKED_BAD)


class Event(NamedTuple):
    """One entry. ``switching`` is the intent, which an outcome ends; ``deleted`` records the removal of a
    generation; the marks are a person's judgement of one."""

    time: int
    """Seconds since 1970, by the host's clock."""
    event: EventKind
    generation: int
    previous: int
    """The generation to go back to, or 0 if there was none."""
    job: str
    who: str
    reason: str

    @classmethod
    def parse(cls, raw: bytes) -> Event:
        """Raises FormatError."""
        value: Any = pack.decode(raw, what="journal entry", limit=MAX_ENTRY_BYTES)
        if not isinstance(value, list) or [type(item) for item in value] != _TYPES:
            raise FormatError("a journal entry with the wrong fields")
        entry = cls(*value)
        if entry.event not in EVENTS:
            raise FormatError(f"a journal entry of unknown kind {entry.event[:40]!r}")
        if not (1 <= entry.generation <= MAX_GENERATION and 0 <= entry.previous <= MAX_GENERATION):
            raise FormatError("a journal entry about an impossible generation")
        return entry

    def encode(self) -> bytes:
        return pack.encode(list(self._replace(reason=self.reason[:MAX_REASON])))


_TYPES = [int, str, int, int, str, str, str]


class Journal(NamedTuple):
    """The content of a journal."""

    events: list[Event]
    length: int
    """The bytes of the header and of all whole entries; the rest is a torn tail."""
    sum: bytes
    """The checksum of the last entry; the next one covers it."""

    @classmethod
    def parse(cls, raw: bytes) -> Journal:
        """Read up to a torn tail. Raises DamagedError for anything wrong before the last entry."""
        if len(raw) < len(HEADER):
            if not HEADER.startswith(raw):
                raise DamagedError("the journal does not begin as one")
            return cls([], 0, _first_sum())
        if not raw.startswith(HEADER):
            raise DamagedError("the journal does not begin as one, or is of an unknown version")
        events: list[Event] = []
        position = len(HEADER)
        checksum = _first_sum()
        while position < len(raw):
            end = position + _LENGTH_BYTES + _SUM_BYTES
            length = int.from_bytes(raw[position : position + _LENGTH_BYTES], "big")
            body = raw[end : end + length]
            expected = hashlib.sha256(checksum + body).digest()
            if len(body) != length or length == 0 or raw[position + _LENGTH_BYTES : end] != expected:
                if _is_torn(raw, position, length, checksum):
                    break
                raise DamagedError(f"the journal was changed at byte {position}")
            try:
                events.append(Event.parse(body))
            except FormatError as error:
                raise DamagedError(f"the journal at byte {position}: {error.what}") from None
            position = end + length
            checksum = expected
        return cls(events, position, checksum)


def _first_sum() -> bytes:
    return hashlib.sha256(HEADER).digest()


def _is_torn(raw: bytes, position: int, length: int, before: bytes) -> bool:
    """Whether what is wrong at ``position`` can be the write that a crash cut short.

    Then it reaches the end of the file, or is nothing but zeros (a file grown before its data
    arrived). A length that no entry has is damage, and so is one under which the entry's checksum is
    wrong while another length makes it right: cutting that off would lose what follows. ``before``:
    the checksum of the entry before.
    """
    rest = raw[position:]
    if not rest.strip(b"\0"):
        return True
    if length > MAX_ENTRY_BYTES or _LENGTH_BYTES + _SUM_BYTES + length < len(rest):
        return False
    stored = rest[_LENGTH_BYTES : _LENGTH_BYTES + _SUM_BYTES]
    digest = hashlib.sha256(before)
    for byte in rest[_LENGTH_BYTES + _SUM_BYTES :][:MAX_ENTRY_BYTES]:
        digest.update(bytes([byte]))
        if digest.digest() == stored:
            return False
    return True
