"""The journal's entries: what happened to which generation, and when. docs/formats/journal.md has the bytes.

Not for reading and appending on a host (``store.journal``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from relstore.errors import DamagedError, FormatError
from relstore.formats import pack
from relstore.formats.generation import MAX_WHO
from relstore.formats.names import MAX_GENERATION, as_text

HEADER = b"relstore-journal 1\n"
MAX_ENTRY_BYTES = 64 * 1024
MAX_REASON = 4000
_LENGTH_BYTES = 4
_SUM_BYTES = 32

Outcome = Literal["active", "rolled-back", "failed", "stuck", "interrupted"]
"""How an activation ended."""

Judgement = Literal[Outcome, "marked-good", "marked-bad", "withdrawn"]
"""What says whether a generation is good: an outcome, a person's mark, or that a rollout took it back."""

EventKind = Literal["switching", Judgement, "deleted"]

LogKind = Literal[EventKind, "connections-closed", "once-began", "once-done", "once-failed"]
"""What a log shows: the journal's events, what jobs noted afterwards, and what ran once in a rollout."""

SWITCHING: Final = "switching"
ACTIVE: Final = "active"
ROLLED_BACK: Final = "rolled-back"
FAILED: Final = "failed"
STUCK: Final = "stuck"
INTERRUPTED: Final = "interrupted"
DELETED: Final = "deleted"
MARKED_GOOD: Final = "marked-good"
MARKED_BAD: Final = "marked-bad"
WITHDRAWN: Final = "withdrawn"
"""On disk it is a mark of bad by the job ``rollout/ID``, which an older relstore understands."""
CONNECTIONS_CLOSED: Final = "connections-closed"
"""No event of the journal."""
ONCE_BEGAN: Final = "once-began"
ONCE_DONE: Final = "once-done"
ONCE_FAILED: Final = "once-failed"
"""No events of the journal: a relstore before them would take it for damaged."""
OUTCOMES: tuple[Outcome, ...] = (ACTIVE, ROLLED_BACK, FAILED, STUCK, INTERRUPTED)
JUDGEMENTS: tuple[Judgement, ...] = (*OUTCOMES, MARKED_GOOD, MARKED_BAD, WITHDRAWN)
EVENTS: tuple[EventKind, ...] = (SWITCHING, *OUTCOMES, DELETED, MARKED_GOOD, MARKED_BAD, WITHDRAWN)
"""Those that this relstore knows. It keeps and shows any other, which says nothing to it: a later relstore
whose events must be respected puts that into the store's ``needs``."""

_KIND = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
_ROLLOUT = "rollout/"


class Event(NamedTuple):
    """One entry. ``switching`` is the intent, which an outcome ends; ``deleted`` records the removal of a
    generation; the marks are a person's judgement of one, and ``withdrawn`` is a rollout's."""

    time: int
    """Seconds since 1970, by the host's clock."""
    event: EventKind
    generation: int
    previous: int
    """The generation to go back to, or 0 if there was none."""
    job: str
    """Of ``withdrawn``: the rollout's id."""
    who: str
    reason: str

    @classmethod
    def parse(cls, raw: bytes) -> Event:
        """Raises FormatError."""
        value: Any = pack.decode(raw, what="journal entry", limit=MAX_ENTRY_BYTES)
        if not isinstance(value, list) or [type(item) for item in value] != _TYPES:
            raise FormatError("a journal entry with the wrong fields")
        entry = cls(*value)
        if not _KIND.match(entry.event):
            raise FormatError(f"a journal entry of the impossible kind {entry.event[:40]!r}")
        if not (1 <= entry.generation <= MAX_GENERATION and 0 <= entry.previous <= MAX_GENERATION):
            raise FormatError("a journal entry about an impossible generation")
        if entry.event == MARKED_BAD and entry.job.startswith(_ROLLOUT):
            return entry._replace(event=WITHDRAWN, job=entry.job[len(_ROLLOUT) :])
        return entry

    def encode(self) -> bytes:
        """Texts that are too long are cut: the outcome of a job must not be lost because of its reason."""
        written = self._replace(who=as_text(self.who)[:MAX_WHO], reason=as_text(self.reason)[:MAX_REASON])
        if written.event == WITHDRAWN:
            written = written._replace(event=MARKED_BAD, job=_ROLLOUT + written.job)
        return pack.encode(list(written))


_TYPES = [int, str, int, int, str, str, str]


class JournalPart(NamedTuple):
    """How far a journal was read, and by what that part is recognised."""

    length: int
    """In bytes; it ends with a whole entry. 0: nothing was read."""
    last: int
    """Where that entry begins; 0 where there is none yet."""
    sum: bytes
    """The checksum of that entry."""
    sha256: bytes
    """Of all these bytes: the checksums prove them only when each is computed again, which takes long."""

    @classmethod
    def of(cls, raw: bytes, journal: Journal) -> JournalPart:
        """All that was read of ``raw``; ``journal`` has at least one event, or is all of it."""
        last = journal.places[-1] if journal.places else 0
        return cls(journal.length, last, journal.sum, _sha256(raw, journal.length))

    def is_of(self, raw: bytes) -> bool:
        """Whether ``raw`` begins with the very bytes that were read."""
        if not self.length:
            return True
        if self.last:
            entry = entry_at(raw, self.last)
            ends_so = (entry.end, entry.sum) == (self.length, self.sum)
        else:
            ends_so = (len(HEADER), first_sum()) == (self.length, self.sum)
        return ends_so and self.length <= len(raw) and _sha256(raw, self.length) == self.sha256


UNREAD = JournalPart(0, 0, b"", b"")


def _sha256(raw: bytes, length: int) -> bytes:
    return hashlib.sha256(memoryview(raw)[:length]).digest()


class Journal(NamedTuple):
    """The content of a journal."""

    events: list[Event]
    length: int
    """The bytes of the header and of all whole entries; the rest is a torn tail."""
    sum: bytes
    """The checksum of the last entry; the next one covers it."""
    places: list[int]
    """Where the entry of each of ``events`` begins."""

    @classmethod
    def parse(cls, raw: bytes) -> Journal:
        """Read up to a torn tail. Raises DamagedError for anything wrong before the last entry."""
        written = raw[: len(HEADER)].rstrip(b"\0")
        if len(written) < len(HEADER) and HEADER.startswith(written):
            if raw[len(written) :].strip(b"\0"):
                raise DamagedError("the journal does not begin as one")
            return cls([], 0, first_sum(), [])  # torn in its first line
        if not raw.startswith(HEADER):
            raise DamagedError("the journal does not begin as one, or is of an unknown version")
        return cls._from(raw, len(HEADER), first_sum())

    @classmethod
    def parse_after(cls, raw: bytes, known: JournalPart) -> Journal:
        """As ``parse``, but only the events after a part that ``raw`` begins with, which was read before."""
        return cls._from(raw, known.length, known.sum) if known.length else cls.parse(raw)

    @classmethod
    def _from(cls, raw: bytes, position: int, checksum: bytes) -> Journal:
        """What follows ``position``, before which an entry with this ``checksum`` ends."""
        events: list[Event] = []
        places: list[int] = []
        while position < len(raw):
            entry = entry_at(raw, position)
            if not entry.follows(checksum):
                if _is_torn(raw, position, entry.length, checksum):
                    break
                raise DamagedError(f"the journal was changed at byte {position}")
            try:
                events.append(Event.parse(entry.body))
            except FormatError as error:
                raise DamagedError(f"the journal at byte {position}: {error.what}") from None
            places.append(position)
            position = entry.end
            checksum = entry.sum
        return cls(events, position, checksum, places)


class RawEntry(NamedTuple):
    """The bytes of one entry, as far as they are there."""

    length: int
    """That of the body, as the entry gives it."""
    sum: bytes
    body: bytes
    end: int
    """Where the next entry begins."""

    def follows(self, before: bytes) -> bool:
        """Whether it is whole and follows the entry that has the checksum ``before``."""
        whole = self.length > 0 and len(self.body) == self.length
        return whole and self.sum == hashlib.sha256(before + self.body).digest()


def entry_at(raw: bytes, position: int) -> RawEntry:
    """What stands at ``position`` of a journal, unproved."""
    begin = position + _LENGTH_BYTES + _SUM_BYTES
    length = int.from_bytes(raw[position : position + _LENGTH_BYTES], "big")
    end = begin + length
    return RawEntry(length, raw[position + _LENGTH_BYTES : begin], raw[begin:end], end)


def encode_entries(events: Sequence[Event], before: bytes) -> bytes:
    """The entries of ``events``, the first of which follows the checksum ``before``.

    Raises FormatError for an event that could not be read again.
    """
    written = b""
    for event in events:
        body = event.encode()
        Event.parse(body)
        before = hashlib.sha256(before + body).digest()
        written += len(body).to_bytes(_LENGTH_BYTES, "big") + before + body
    return written


def first_sum() -> bytes:
    """The checksum that the first entry follows."""
    return hashlib.sha256(HEADER).digest()


def _is_torn(raw: bytes, position: int, length: int, before: bytes) -> bool:
    """Whether what is wrong at ``position`` can be the write that a crash cut short.

    Then it reaches the end of the file, or everything from some place in it on is zeros (the file grew
    before all of its data arrived). A length that no entry has is damage, and so is one under which the
    entry's checksum is wrong while another length makes it right: cutting that off would lose what follows.
    ``before``: the checksum of the entry before.
    """
    rest = raw[position:]
    written = len(rest.rstrip(b"\0"))
    if not written:
        return True
    if length > MAX_ENTRY_BYTES or _LENGTH_BYTES + _SUM_BYTES + length < min(len(rest), written + 1):
        return False
    stored = rest[_LENGTH_BYTES : _LENGTH_BYTES + _SUM_BYTES]
    digest = hashlib.sha256(before)
    for byte in rest[_LENGTH_BYTES + _SUM_BYTES :][:MAX_ENTRY_BYTES]:
        digest.update(bytes([byte]))
        if digest.digest() == stored:
            return False
    return True
