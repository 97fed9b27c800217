"""What became of each generation, and which one a person means. Pure.

The records say what was released, the journal what happened to it, the ``current`` link what runs;
``rows`` puts the three together, and ``resolve`` finds the generation of ``-1``, ``42``,
``commit:1a2b`` or a build's prefix. Not for reading any of the three (``app``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from relstore.errors import NotFoundError, RefusedError, UsageError
from relstore.formats import journal
from relstore.formats.generation import CURRENT, DELETED, FAILED, GOOD, NEVER_ACTIVE, Generation, State
from relstore.formats.journal import Event, EventKind

SPEC_HELP = (
    "a number, -1 or +1 (counted over good generations), the beginning of a build id, or commit:PREFIX"
)

_PREFIX = 6
"""The digits that a build's prefix has at least."""
_SAY_GOOD = (journal.ACTIVE, journal.MARKED_GOOD)
_SAY_BAD = (journal.ROLLED_BACK, journal.MARKED_BAD)
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
    def is_good(self) -> bool:
        """Whether it may be gone back to."""
        return self.state == GOOD or (self.state == CURRENT and self.outcome in _SAY_GOOD)


def rows(
    generations: Sequence[Generation],
    events: Sequence[Event],
    current: int | None,
    linked: Collection[int],
    pins: Sequence[tuple[str, int]] = (),
) -> list[Row]:
    """One row a generation, in the order of their numbers.

    ``linked``: the numbers whose ``generations/N`` link is there; without it nothing keeps the build.
    """
    last: dict[int, Event] = {}
    judged: set[int] = set()
    was_good: set[int] = set()
    for event in events:
        if event.event not in journal.JUDGEMENTS:
            continue
        if event.event != journal.INTERRUPTED:
            judged.add(event.generation)
        elif event.generation in judged:
            continue  # that a job died says nothing about the release
        last[event.generation] = event
        if event.event in _SAY_GOOD:
            was_good.add(event.generation)
        elif event.event in _SAY_BAD:
            was_good.discard(event.generation)
    table = []
    for generation in generations:
        number = generation.number
        judgement = last.get(number)
        state: State
        if number not in linked:
            state = DELETED
        elif number == current:
            state = CURRENT
        elif number in was_good:
            state = GOOD
        elif number in judged:
            state = FAILED
        else:
            state = NEVER_ACTIVE
        names = tuple(name for name, pinned in pins if pinned == number)
        if judgement is None:
            table.append(Row(generation, state, "", 0, "", names))
        else:
            table.append(Row(generation, state, judgement.event, judgement.time, judgement.reason, names))
    return table


def was_active(events: Sequence[Event], number: int) -> bool:
    """Whether a generation has served before."""
    return any(event.event == journal.ACTIVE and event.generation == number for event in events)


def rollback_target(table: Sequence[Row]) -> Row | None:
    """The generation that ``-1`` means: the last good one before the current one, or None."""
    current = _current(table)
    before = [row for row in table if row.is_good and (current is None or row is not current)]
    if current is not None:
        before = [row for row in before if row.generation.number < current.generation.number]
    return before[-1] if before else None


def resolve(spec: str, table: Sequence[Row]) -> Row:
    """The generation that ``spec`` means. Raises UsageError, NotFoundError, RefusedError."""
    present = [row for row in table if row.state != DELETED]
    if re.match(r"[+-][1-9][0-9]{0,8}\Z", spec):
        return _relative(int(spec), present)
    # Six digits and more may be a build that happens to have no letters; a number that exists wins.
    numbers = {row.generation.number for row in table}
    if re.match(r"[1-9][0-9]{0,9}\Z", spec) and (len(spec) < _PREFIX or int(spec) in numbers):
        return _numbered(int(spec), table)
    if re.match(r"commit:[0-9a-f]{4,64}\Z", spec):
        prefix = spec[len("commit:") :]
        return _newest(
            [row for row in present if (row.generation.description.commit or "").startswith(prefix)],
            spec,
        )
    if re.match(rf"[0-9a-f]{{{_PREFIX},64}}\Z", spec):
        return _newest([row for row in present if row.generation.build.startswith(spec)], spec)
    raise UsageError(
        f"{spec[:80]!r} does not name a generation", state="Nothing was changed.", hint=f"Give {SPEC_HELP}."
    )


def _current(table: Sequence[Row]) -> Row | None:
    return next((row for row in table if row.state == CURRENT), None)


def _relative(step: int, present: list[Row]) -> Row:
    current = _current(present)
    if current is None and step > 0:
        raise NotFoundError("no generation is current, so none comes after it", hint=f"Give {SPEC_HELP}.")
    number = current.generation.number if current else None
    good = [row for row in present if row.is_good and row is not current]
    if step < 0:
        side = [row for row in good if number is None or row.generation.number < number][::-1]
    else:
        side = [row for row in good if number is not None and row.generation.number > number]
    if len(side) < abs(step):
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
    return side[abs(step) - 1]


def _numbered(number: int, table: Sequence[Row]) -> Row:
    for row in table:
        if row.generation.number == number:
            if row.state == DELETED:
                raise RefusedError(
                    f"generation {number} was deleted",
                    hint="Push that build again to get a new one.",
                )
            return row
    raise NotFoundError(
        f"there is no generation {number}", hint="`relstore list-generations` shows what there is."
    )


def _newest(matching: list[Row], spec: str) -> Row:
    """The newest of several generations of one build or commit; several builds are ambiguous."""
    if not matching:
        raise NotFoundError(
            f"no generation matches {spec!r}",
            hint="`relstore list-generations` shows what there is.",
        )
    builds = {row.generation.build for row in matching}
    if len(builds) > 1:
        numbers = ", ".join(str(row.generation.number) for row in matching[:8])
        raise UsageError(
            f"{spec!r} matches generations of different builds ({numbers})",
            state="Nothing was changed.",
            hint="Give more digits, or the number.",
        )
    return matching[-1]
