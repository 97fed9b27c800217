"""What became of each generation, and which one a person means. Pure.

The records say what was released, the journal what happened to it, the ``current`` link what runs;
``rows`` puts the three together, and ``resolve`` finds the generation of ``-1``, ``42``,
``commit:1a2b`` or a build's prefix. Not for reading any of the three (``app``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple, Protocol, TypeVar

from relstore.errors import NotFoundError, RefusedError, UsageError
from relstore.formats import journal
from relstore.formats.checkpoint import Facts, Reputation
from relstore.formats.generation import CURRENT, DELETED, FAILED, GOOD, NEVER_ACTIVE, Generation, State
from relstore.formats.journal import Event, EventKind
from relstore.formats.names import Digest

SPEC_HELP = (
    "a number, -1 or +1 (counted over good generations), the beginning of a build id, or commit:PREFIX"
)

_PREFIX = 6
"""The digits that a build's prefix has at least."""
_SAY_GOOD = (journal.ACTIVE, journal.MARKED_GOOD)
_SAY_BAD = (journal.ROLLED_BACK, journal.MARKED_BAD, journal.WITHDRAWN)
"""Not ``stuck``: if the previous generation does not start again either, more is wrong than the release."""


class Row(NamedTuple):
    """A generation and what became of it."""

    generation: Generation
    state: State
    outcome: Literal[EventKind, ""]
    """The last outcome or mark in the journal (``active``, ``rolled-back``, …), or ``""``; ``interrupted``
    only where there is no other."""
    outcome_at: int
    reason: str
    pins: tuple[str, ...]

    @property
    def number(self) -> int:
        return self.generation.number

    @property
    def build(self) -> Digest:
        return self.generation.build

    @property
    def commit(self) -> str | None:
        return self.generation.description.commit

    @property
    def created(self) -> int:
        return self.generation.created

    @property
    def is_good(self) -> bool:
        """Whether it may be gone back to."""
        return _is_good(self.state, self.outcome)


class Brief(NamedTuple):
    """A generation among the others: what a choice depends on, without the texts of record and journal.

    Such a one costs nothing to get (``table``); a ``Row`` has to be read and proved.
    """

    number: int
    build: Digest
    commit: str | None
    created: int
    """Seconds since 1970, by the host's clock."""
    state: State
    outcome: Literal[EventKind, ""]
    pins: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether it may be gone back to."""
        return _is_good(self.state, self.outcome)


class Candidate(Protocol):
    """Either of the two, for whoever does not need the texts."""

    @property
    def number(self) -> int: ...
    @property
    def build(self) -> Digest: ...
    @property
    def commit(self) -> str | None: ...
    @property
    def created(self) -> int: ...
    @property
    def state(self) -> State: ...
    @property
    def outcome(self) -> str: ...
    @property
    def pins(self) -> tuple[str, ...]: ...
    @property
    def is_good(self) -> bool: ...


C = TypeVar("C", bound=Candidate)


def judged(before: Reputation, event: Event, place: int = 0) -> Reputation:
    """The reputation of a generation after another event. ``place``: where in the journal that is."""
    kind = event.event
    if kind not in journal.JUDGEMENTS:
        return before
    if kind == journal.INTERRUPTED:
        # That a job died says nothing about the release.
        return before if before.is_judged else before._replace(outcome=kind, place=place)
    was_good = kind in _SAY_GOOD or (before.was_good and kind not in _SAY_BAD)
    return Reputation(kind, True, was_good, before.was_active or kind == journal.ACTIVE, place)


def rows(
    generations: Sequence[Generation],
    events: Sequence[Event],
    current: int | None,
    linked: Collection[int],
    pins: Sequence[tuple[str, int]] = (),
) -> list[Row]:
    """One row a generation, in the order of their numbers, from all records and all events.

    ``ledger`` comes to the same a step at a time. The rest: as for ``brief_of``.
    """
    reputations: dict[int, Reputation] = {}
    for index, event in enumerate(events):
        reputations[event.generation] = judged(reputations.get(event.generation, Reputation()), event, index)
    table = []
    for generation in generations:
        reputation = reputations.get(generation.number, Reputation())
        facts = Facts.of(generation.build, generation)._replace(reputation=reputation)
        brief = brief_of(facts, generation.number, current, linked, pins)
        table.append(row_of(brief, generation, events[reputation.place] if reputation.outcome else None))
    return table


def row_of(brief: Brief, generation: Generation, said: Event | None) -> Row:
    """All that there is to know. ``said``: the event that the outcome is of."""
    time, reason = (0, "") if said is None else (said.time, said.reason)
    return Row(generation, brief.state, brief.outcome, time, reason, brief.pins)


def brief_of(
    facts: Facts,
    number: int,
    current: int | None,
    linked: Collection[int],
    pins: Sequence[tuple[str, int]],
) -> Brief:
    """``linked``: the numbers whose ``generations/N`` link is there; without it nothing keeps the build."""
    state: State
    if number not in linked:
        state = DELETED
    elif number == current:
        state = CURRENT
    elif facts.reputation.was_good:
        state = GOOD
    else:
        state = FAILED if facts.reputation.is_judged else NEVER_ACTIVE
    names = tuple(name for name, pinned in pins if pinned == number)
    return Brief(number, facts.build, facts.commit, facts.created, state, facts.reputation.outcome, names)


def _is_good(state: State, outcome: str) -> bool:
    return state == GOOD or (state == CURRENT and outcome in _SAY_GOOD)


def rollback_target(table: Sequence[C]) -> C | None:
    """The generation that ``-1`` means: the last good one before the current one, or None."""
    current = _current(table)
    for each in reversed(table):
        if each.is_good and (current is None or each.number < current.number):
            return each
    return None


def resolve(spec: str, table: Sequence[C]) -> C:
    """The generation that ``spec`` means. Raises UsageError, NotFoundError, RefusedError."""
    if re.match(r"[+-][1-9][0-9]{0,8}\Z", spec):
        return _relative(int(spec), table)
    # Six digits and more may be a build that happens to have no letters; a number that exists wins.
    if re.match(r"[1-9][0-9]{0,9}\Z", spec):
        found = _with_number(int(spec), table)
        if found is not None or len(spec) < _PREFIX:
            return _numbered(int(spec), found)
    present = (each for each in table if each.state != DELETED)
    if re.match(r"commit:[0-9a-f]{4,64}\Z", spec):
        prefix = spec[len("commit:") :]
        return _newest([each for each in present if (each.commit or "").startswith(prefix)], spec)
    if re.match(rf"[0-9a-f]{{{_PREFIX},64}}\Z", spec):
        return _newest([each for each in present if each.build.startswith(spec)], spec)
    raise UsageError(
        f"{spec[:80]!r} does not name a generation", state="Nothing was changed.", hint=f"Give {SPEC_HELP}."
    )


def _current(table: Sequence[C]) -> C | None:
    return next((each for each in reversed(table) if each.state == CURRENT), None)


def _relative(step: int, table: Sequence[C]) -> C:
    current = _current(table)
    if current is None and step > 0:
        raise NotFoundError("no generation is current, so none comes after it", hint=f"Give {SPEC_HELP}.")
    number = current.number if current else None
    side = []
    for each in reversed(table) if step < 0 else table:
        is_there = number is None or (each.number < number if step < 0 else each.number > number)
        if is_there and each.is_good:
            side.append(each)
            if len(side) == abs(step):
                return each
    where = "before" if step < 0 else "after"
    at = f"generation {number}, which is current" if number else "nothing, since none is current"
    have = {0: "no good generation", 1: "only one good generation"}.get(
        len(side), f"only {len(side)} good generations"
    )
    raise NotFoundError(
        f"there is {have} {where} {at}",
        state="Nothing was changed.",
        hint="`relstore list-generations` shows what there is.",
    )


def _with_number(number: int, table: Sequence[C]) -> C | None:
    low, high = 0, len(table)
    while low < high:
        middle = (low + high) // 2
        if table[middle].number < number:
            low = middle + 1
        else:
            high = middle
    return table[low] if low < len(table) and table[low].number == number else None


def _numbered(number: int, found: C | None) -> C:
    if found is None:
        raise NotFoundError(
            f"there is no generation {number}", hint="`relstore list-generations` shows what there is."
        )
    if found.state == DELETED:
        raise RefusedError(
            f"generation {number} was deleted",
            hint="Push that build again to get a new one.",
        )
    return found


def _newest(matching: list[C], spec: str) -> C:
    """The newest of several generations of one build or commit; several builds are ambiguous."""
    if not matching:
        raise NotFoundError(
            f"no generation matches {spec!r}",
            hint="`relstore list-generations` shows what there is.",
        )
    builds = {each.build for each in matching}
    if len(builds) > 1:
        numbers = ", ".join(str(each.number) for each in matching[:8])
        raise UsageError(
            f"{spec!r} matches generations of different builds ({numbers})",
            state="Nothing was changed.",
            hint="Give more digits, or the number.",
        )
    return matching[-1]
