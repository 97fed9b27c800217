"""What was read and proved of an app's records and journal: the next command reads only what came later.

A cache: all of it can be found again from the two, and nothing depends on it. Of each generation it has what
tells it from the others, in rows of one length; its texts stay in its record and in the journal.
``docs/formats/checkpoint.md`` has the bytes. Not for reading either of them (``store.ledger``), nor for what
the reputations mean (``store.history``).
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any, Literal, NamedTuple, Union

from relstore.errors import FormatError
from relstore.formats import pack
from relstore.formats.generation import Generation
from relstore.formats.journal import JUDGEMENTS, UNREAD, JournalPart, Judgement
from relstore.formats.names import AppName, Digest

HEAD = b"relstore-checkpoint 1\n"
"""Another version has another first line, and is passed over."""
MAX_BYTES = 512 * 1024 * 1024
WAYMARK_EVERY = 64
"""Of so many events, the place of the first is kept, so that the last ones are found without the others."""

_ROW = struct.Struct(">32s32sB32sQBBQ")
_PLACE = struct.Struct(">Q")
_SUM_BYTES = 32
_LENGTH_BYTES = 4
_MAX_HEADER = 4096
_JUDGED, _GOOD, _ACTIVE = 1, 2, 4
_COMMITS = bytes((0, 20, 32))
_COMMIT_AT, _OUTCOME_AT, _FLAGS_AT = 64, 105, 106


class Reputation(NamedTuple):
    """What the journal says of a generation."""

    outcome: Union[Judgement, Literal[""]] = ""
    """Its last outcome or mark; ``interrupted`` only where there is no other."""
    is_judged: bool = False
    """Whether anything was said that tells whether it is good."""
    was_good: bool = False
    """Whether the last such word was a good one."""
    was_active: bool = False
    """Whether it has served."""
    place: int = 0
    """Where in the journal the entry of ``outcome`` begins."""


class Facts(NamedTuple):
    """What is kept of one generation."""

    record: Digest
    """That of its record."""
    build: Digest
    commit: str | None
    created: int
    reputation: Reputation = Reputation()

    @classmethod
    def of(cls, record: Digest, generation: Generation) -> Facts:
        return cls(record, generation.build, generation.description.commit, generation.created)

    def agrees_with(self, generation: Generation) -> bool:
        return self[1:4] == (generation.build, generation.description.commit, generation.created)

    def encode(self) -> bytes:
        commit = bytes.fromhex(self.commit or "")
        outcome, judged, good, active, place = self.reputation
        return _ROW.pack(
            self.record.raw,
            self.build.raw,
            len(commit),
            commit,
            self.created,
            JUDGEMENTS.index(outcome) + 1 if outcome else 0,
            _JUDGED * judged | _GOOD * good | _ACTIVE * active,
            place,
        )


class Checkpoint(NamedTuple):
    """An app as far as it was read."""

    app: AppName
    journal: JournalPart
    events: int
    """How many of the journal's events were read."""
    intent: int
    """Where the intent of the last activation begins that has no outcome; 0 without one."""
    switching: int
    """Where the last intent begins, with or without an outcome; 0 without one."""
    waymarks: bytes
    """The places of every WAYMARK_EVERYth event, from the first one on."""
    rows: bytes
    """Of all generations, from the first one on."""

    @property
    def generations(self) -> int:
        """How many generations were read."""
        return len(self.rows) // _ROW.size

    def facts(self, number: int) -> Facts:
        """Of a generation that was read."""
        return _facts(self.rows, number)

    def waymark(self, last: int) -> int:
        """Where to begin so as to read at least the ``last`` events that were read."""
        index = max(0, self.events - last) // WAYMARK_EVERY
        place: int = _PLACE.unpack_from(self.waymarks, index * _PLACE.size)[0]
        return place

    def encode(self) -> bytes:
        header = pack.encode(
            [str(self.app), *self.journal, self.events, self.intent, self.switching, self.generations]
        )
        body = len(header).to_bytes(_LENGTH_BYTES, "big") + header + self.waymarks + self.rows
        return HEAD + hashlib.sha256(body).digest() + body

    @classmethod
    def parse(cls, raw: bytes) -> Checkpoint:
        """Raises FormatError for anything that ``encode`` would not have written, as far as that can be told
        without the records and the journal."""
        if not raw.startswith(HEAD):
            raise FormatError("not a checkpoint, or of another version")
        begin = len(HEAD) + _SUM_BYTES
        body = memoryview(raw)[begin:]
        if hashlib.sha256(body).digest() != raw[len(HEAD) : begin]:
            raise FormatError("a checkpoint that was not written to its end, or was changed")
        length = int.from_bytes(body[:_LENGTH_BYTES], "big")
        header: Any = pack.decode(
            bytes(body[_LENGTH_BYTES : _LENGTH_BYTES + length]), what="checkpoint", limit=_MAX_HEADER
        )
        if not isinstance(header, list) or [type(field) for field in header] != _TYPES:
            raise FormatError("a checkpoint with the wrong fields")
        app, at, last, total, sha256, events, intent, switching, count = header
        marks = -(-events // WAYMARK_EVERY) * _PLACE.size
        rest = bytes(body[_LENGTH_BYTES + length :])
        if min(at, last, events, intent, switching, count) < 0 or len(rest) != marks + count * _ROW.size:
            raise FormatError("a checkpoint of another length than it says")
        if max(intent, switching) >= max(at, 1) or (events > 0) > (at > 0):
            raise FormatError("a checkpoint with events outside of the journal")
        found = cls(
            AppName(app),
            JournalPart(at, last, total, sha256),
            events,
            intent,
            switching,
            rest[:marks],
            rest[marks:],
        )
        found._check_rows()
        return found

    def _check_rows(self) -> None:
        """Column by column, without a step of the interpreter for each row."""
        commits, outcomes, flags = (self.rows[at :: _ROW.size] for at in (_COMMIT_AT, _OUTCOME_AT, _FLAGS_AT))
        if (
            commits.strip(_COMMITS)
            or max(outcomes, default=0) > len(JUDGEMENTS)
            or max(flags, default=0) > (_JUDGED | _GOOD | _ACTIVE)
        ):
            raise FormatError("a checkpoint with a row that no generation has")


_TYPES = [str, int, int, bytes, bytes, int, int, int, int]


class Draft:
    """A checkpoint that is being carried on. ``before``: what was read already."""

    def __init__(self, before: Checkpoint) -> None:
        self._rows = bytearray(before.rows)
        self._waymarks = bytearray(before.waymarks)
        self._events = before.events

    @property
    def generations(self) -> int:
        return len(self._rows) // _ROW.size

    def facts(self, number: int) -> Facts:
        return _facts(self._rows, number)

    def add(self, facts: Facts) -> None:
        """The next generation."""
        self._rows += facts.encode()

    def replace(self, number: int, facts: Facts) -> None:
        self._rows[(number - 1) * _ROW.size : number * _ROW.size] = facts.encode()

    def count_event(self, place: int) -> None:
        """The next event of the journal begins at ``place``."""
        if self._events % WAYMARK_EVERY == 0:
            self._waymarks += _PLACE.pack(place)
        self._events += 1

    def finish(self, app: AppName, journal: JournalPart, intent: int, switching: int) -> Checkpoint:
        waymarks, rows = bytes(self._waymarks), bytes(self._rows)
        return Checkpoint(app, journal, self._events, intent, switching, waymarks, rows)


def empty(app: AppName) -> Checkpoint:
    """That of an app of which nothing was read."""
    return Checkpoint(app, UNREAD, 0, 0, 0, b"", b"")


def _facts(rows: bytes | bytearray, number: int) -> Facts:
    record, build, length, commit, created, outcome, flags, place = _ROW.unpack_from(
        rows, (number - 1) * _ROW.size
    )
    return Facts(
        Digest(record.hex()),
        Digest(build.hex()),
        commit[:length].hex() if length else None,
        created,
        Reputation(
            JUDGEMENTS[outcome - 1] if outcome else "",
            bool(flags & _JUDGED),
            bool(flags & _GOOD),
            bool(flags & _ACTIVE),
            place,
        ),
    )
