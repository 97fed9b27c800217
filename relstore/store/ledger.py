"""The records and the journal of an app, read together and proved, from where that was done last.

What a checkpoint says is believed only while the records and the journal are those that it was made of: the
journal by a hash of all that it covers, the chain by the last record that it covers, and each other record
when somebody wants to know what is in it. Where anything does not fit, it is as if there were no checkpoint:
all is read and proved. Not for what follows from it (``history``) nor for the file (``checkpoints``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from relstore.errors import DamagedError, FormatError
from relstore.formats import journal as journal_format
from relstore.formats.checkpoint import Checkpoint, Draft, Facts, empty
from relstore.formats.generation import MAX_BYTES, Generation, record_digests
from relstore.formats.journal import UNREAD, Event, Journal, JournalPart
from relstore.formats.names import MAX_GENERATION, AppName, Digest, is_generation
from relstore.store import history, journal
from relstore.store.directory import Dir

_TOO_LONG = len(str(MAX_GENERATION))
"""A shorter row of digits cannot be too great a number."""


class ContradictionError(Exception):
    """A checkpoint says of a generation what its record does not: one of the two was changed."""


class Ledger(NamedTuple):
    """What was read, as of one moment."""

    checkpoint: Checkpoint
    """Of all records, and of all whole entries of the journal."""
    raw: bytes
    """The journal."""
    is_complete: bool
    """Whether every event is about a generation that has a record; else nobody may go on from here."""
    went_on: bool
    """Whether what was known before still held."""

    def event(self, place: int) -> Event:
        """The event whose entry begins at ``place``. Raises ContradictionError."""
        try:
            return Event.parse(journal_format.entry_at(self.raw, place).body)
        except FormatError:
            raise ContradictionError from None

    def said_of(self, number: int) -> Event | None:
        """The event that the reputation of a generation comes from. Raises ContradictionError."""
        reputation = self.checkpoint.facts(number).reputation
        if not reputation.outcome:
            return None
        event = self.event(reputation.place)
        if (event.generation, event.event) != (number, reputation.outcome):
            raise ContradictionError
        return event

    def events(self, last: int) -> list[Event]:
        """The ``last`` events, or all when there are fewer. Raises DamagedError, ContradictionError."""
        known = self.checkpoint
        if not known.events:
            return []
        begin = known.waymark(last)
        if begin == len(journal_format.HEADER):
            return Journal.parse(self.raw).events[-last:]
        found: list[Event] = []
        while begin < known.journal.length:
            found.append(self.event(begin))
            begin = journal_format.entry_at(self.raw, begin).end
        return found[-last:]

    def intent(self) -> Event | None:
        """The intent of the last activation, if that has no outcome. Raises ContradictionError."""
        place = self.checkpoint.intent
        return self.event(place) if place else None

    def last_switch(self) -> Event | None:
        """The last intent, with or without an outcome. Raises ContradictionError."""
        place = self.checkpoint.switching
        return self.event(place) if place else None


def read(name: AppName, app: Dir, records: Dir, known: Checkpoint | None) -> Ledger:
    """``known``: what was read before; it may be of anything. Raises DamagedError."""
    # The journal first: each of its events is then about a generation whose record is found afterwards.
    raw = app.read_or_none(journal.NAME, journal.MAX_BYTES) or b""
    numbers = numbers_in(records)
    before = empty(name)
    if known is not None and known.app == name and _holds(known, raw, numbers, records):
        before = known
    generations = read_chain(name, records, numbers, before.generations, _last_digest(before))
    return _carried_on(before, raw, generations)


def numbers_in(directory: Dir) -> list[int]:
    """The generations that have a name in ``directory``, ascending. What else is there is passed over."""
    # There may be many: what looks like a number is quicker to tell than what is one.
    digits = [name for name in directory.all_names() if name.isdigit() and name[0] != "0"]
    if not "".join(digits).isascii() or max(map(len, digits), default=0) >= _TOO_LONG:
        digits = [name for name in digits if is_generation(name)]
    return sorted(map(int, digits))


def read_chain(
    name: AppName, records: Dir, numbers: Sequence[int], after: int, parent: Digest | None
) -> list[tuple[Digest, Generation]]:
    """The generations ``after`` a number, proved link by link, each with the digest of its record.

    ``parent``: the digest of that record. Raises DamagedError.
    """
    if numbers and numbers[-1] != len(numbers):
        missing = next(expected for expected, number in enumerate(numbers, start=1) if number != expected)
        raise DamagedError(f"the record of generation {missing} of {name} is missing")
    contents = [records.read(str(number), MAX_BYTES) for number in numbers[after:]]
    chain = []
    for number, raw, digest in zip(numbers[after:], contents, record_digests(contents)):
        generation = _parsed(name, number, raw)
        if (generation.number, generation.app, generation.parent) != (number, name, parent):
            raise DamagedError(
                f"record {number} of {name} does not continue the chain before it",
                hint="Somebody changed a record: compare with a backup.",
            )
        chain.append((digest, generation))
        parent = digest
    return chain


def read_some(
    name: AppName, records: Dir, checkpoint: Checkpoint, numbers: Iterable[int]
) -> list[Generation]:
    """Generations that the checkpoint has, each proved by what that says of it.

    Raises DamagedError, ContradictionError.
    """
    wanted = list(numbers)
    contents = []
    for number in wanted:
        try:
            contents.append(records.read(str(number), MAX_BYTES))
        except FileNotFoundError:
            raise DamagedError(f"the record of generation {number} of {name} is missing") from None
    found = []
    for number, raw, digest in zip(wanted, contents, record_digests(contents)):
        facts = checkpoint.facts(number)
        if digest != facts.record:
            raise ContradictionError
        generation = _parsed(name, number, raw)
        if not facts.agrees_with(generation):
            raise ContradictionError
        found.append(generation)
    return found


def _parsed(name: AppName, number: int, raw: bytes) -> Generation:
    try:
        return Generation.parse(raw)
    except FormatError as error:
        raise DamagedError(f"record {number} of {name}: {error.what}") from None


def _holds(known: Checkpoint, raw: bytes, numbers: Sequence[int], records: Dir) -> bool:
    """Whether the journal begins with what was read of it, and the last record that was read is there."""
    last = known.generations
    if not 0 < last <= len(numbers) or not known.journal.is_of(raw):
        return False
    try:
        content = records.read(str(last), MAX_BYTES)
    except FileNotFoundError:
        return False
    return record_digests([content]) == [known.facts(last).record]


def _last_digest(known: Checkpoint) -> Digest | None:
    return known.facts(known.generations).record if known.generations else None


def _carried_on(before: Checkpoint, raw: bytes, generations: Sequence[tuple[Digest, Generation]]) -> Ledger:
    """``before``, with what came later. Raises DamagedError."""
    found = read_journal(before.app, raw, before.journal)
    if before.generations and not generations and not found.events:
        return Ledger(before, raw, is_complete=True, went_on=True)
    draft = Draft(before)
    for digest, generation in generations:
        draft.add(Facts.of(digest, generation))
    intent, switching = before.intent, before.switching
    is_complete = True
    for place, event in zip(found.places, found.events):
        draft.count_event(place)
        if event.event == journal_format.SWITCHING:
            intent = switching = place
        elif event.event in journal_format.OUTCOMES:
            intent = 0
        if event.generation > draft.generations:
            is_complete = False
            continue
        facts = draft.facts(event.generation)
        reputation = history.judged(facts.reputation, event, place)
        if reputation != facts.reputation:
            draft.replace(event.generation, facts._replace(reputation=reputation))
    part = before.journal if found.length == before.journal.length else JournalPart.of(raw, found)
    return Ledger(draft.finish(before.app, part, intent, switching), raw, is_complete, before.generations > 0)


def read_journal(name: AppName, raw: bytes, known: JournalPart = UNREAD) -> Journal:
    """The events after a part that was read before. Raises DamagedError."""
    try:
        return Journal.parse_after(raw, known)
    except DamagedError as error:
        raise DamagedError(
            f"{name}: {error.what}",
            hint="`relstore verify --repair` keeps what of it is proved, and says what was lost.",
        ) from None
