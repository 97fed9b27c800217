"""Histories of an app as values, for the tests of what is decided from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from relstore.formats import generation as generation_format
from relstore.formats import journal
from relstore.formats.generation import Description, Generation
from relstore.formats.journal import Event
from relstore.formats.names import AppName, Digest
from relstore.formats.retention import Policy
from relstore.gc.plan import Roots
from relstore.store import history
from relstore.store.history import Row

WEB = AppName("web")
NOW = 1_000_000
DAY = 86_400


def build(letter: str) -> Digest:
    """The build that ``letter``, a hexadecimal digit, stands for."""
    return Digest(letter * 64)


def generation(number: int, of: str = "", created: int = NOW) -> Generation:
    letter = of or f"{number % 16:x}"
    parent = None if number == 1 else build("0")
    return Generation(
        WEB, number, build(letter), parent, created, 1, 1, Description("me@desk", None, False, "")
    )


def rows(
    *outcomes: str,
    current: int | None = None,
    deleted: Collection[int] = (),
    pins: Sequence[tuple[str, int]] = (),
    ages: Mapping[int, int] | None = None,
) -> list[Row]:
    """One row for each of ``outcomes``, the last event about it (``""``: none), each with a build of its own."""
    numbers = range(1, len(outcomes) + 1)
    made = [generation(number, created=NOW - (ages or {}).get(number, 0)) for number in numbers]
    events = [
        Event(NOW, outcome, number, 0, "", "", "") for number, outcome in zip(numbers, outcomes) if outcome
    ]
    return history.rows(made, events, current, frozenset(numbers) - frozenset(deleted), pins)


class History(NamedTuple):
    """What the collector may find of one app, and what is asked of it."""

    rows: list[Row]
    jobs: frozenset[int]
    leased: frozenset[Digest]
    running: frozenset[Digest]
    orphans: frozenset[Digest]
    """Builds that no generation is of."""

    @property
    def roots(self) -> Roots:
        return Roots({WEB: self.rows}, {WEB: self.jobs}, self.leased, self.running)

    @property
    def builds(self) -> frozenset[Digest]:
        """All that are in the store: those that a link keeps, and the orphans."""
        return self.orphans | {
            row.generation.build for row in self.rows if row.state != generation_format.DELETED
        }


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Up to twelve generations of up to six builds, with any outcomes in any order."""
    count = draw(st.integers(0, 12))
    numbers = st.integers(1, max(count, 1))
    some = st.frozensets(numbers, max_size=4).map(lambda chosen: frozenset(n for n in chosen if n <= count))
    letters = st.sampled_from("123456")
    made = [generation(n, draw(letters), NOW - draw(st.integers(0, 10 * DAY))) for n in range(1, count + 1)]
    outcomes = (
        st.lists(st.tuples(st.sampled_from(journal.OUTCOMES), numbers), max_size=20) if count else st.just([])
    )
    events = [Event(NOW, kind, number, 0, "", "", "") for kind, number in draw(outcomes)]
    current = draw(st.none() | numbers) if count else None
    deleted = draw(some) - {current}
    linked = frozenset(range(1, count + 1)) - deleted
    pins = [(f"pin-{number}", number) for number in sorted(draw(some) & linked)]
    digests = st.frozensets(letters.map(build), max_size=2)
    orphans = draw(st.frozensets(st.sampled_from("abc").map(build)))
    return History(
        history.rows(made, events, current, linked, pins),
        draw(some) & linked,
        draw(digests),
        draw(digests),
        orphans,
    )


def policies() -> st.SearchStrategy[Policy]:
    sizes = st.none() | st.integers(1, 100)
    return st.builds(Policy, st.none() | st.integers(0, 6), st.none() | st.integers(0, 12 * DAY), sizes)


def contents(of: Digest) -> Mapping[Digest, int]:
    """The objects of a build: one that all have, one that it shares with its neighbour, one of its own."""
    number = int(of[0], 16)
    return {build("0"): 4, Digest(f"{number // 2:x}" * 63 + "b"): 8, Digest(of[:63] + "c"): number + 1}
