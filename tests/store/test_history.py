"""What became of each generation, and which one a person means."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relstore.errors import NotFoundError, RefusedError, RelstoreError, UsageError
from relstore.formats import journal
from relstore.formats.generation import Description, Generation
from relstore.formats.journal import Event
from relstore.formats.names import AppName, Digest
from relstore.store import history
from relstore.store.history import Row

COMMIT = "abcd" + "0" * 36


def generation(number: int, build: str = "", commit: str | None = None) -> Generation:
    digest = Digest((build or f"{number:x}") * 64)
    parent = None if number == 1 else Digest("f" * 64)
    return Generation(AppName("web"), number, digest, parent, 1, 1, 1, Description("me", commit, False, ""))


def rows(
    count: int,
    events: Sequence[tuple[str, int]],
    current: int | None = None,
    deleted: Sequence[int] = (),
    generations: Sequence[Generation] | None = None,
) -> list[Row]:
    made = generations or [generation(number) for number in range(1, count + 1)]
    happened = [Event(at, kind, number, 0, "", "", "") for at, (kind, number) in enumerate(events)]
    linked = {one.number for one in made} - set(deleted)
    return history.rows(made, happened, current, linked)


@pytest.mark.parametrize(
    ("events", "current", "state"),
    [
        ([], None, "never-active"),
        (["switching"], None, "never-active"),
        (["switching", "active"], 1, "current"),
        (["switching", "active"], None, "good"),
        (["switching", "rolled-back"], None, "failed"),
        (["switching", "failed"], None, "failed"),
        (["switching", "stuck"], None, "failed"),
        (["switching", "interrupted"], None, "never-active"),
        # Once good, it stays so through what says nothing against it.
        (["active", "switching", "failed"], None, "good"),
        (["active", "switching", "stuck"], None, "good"),
        (["active", "switching", "interrupted"], None, "good"),
        # And once failed, through a job that died before it could tell.
        (["switching", "rolled-back", "switching", "interrupted"], None, "failed"),
        (["active", "switching", "rolled-back"], None, "failed"),
        (["active", "rolled-back", "active"], None, "good"),
        (["rolled-back", "marked-good"], None, "good"),
        (["active", "marked-bad"], None, "failed"),
        (["active", "withdrawn"], None, "failed"),
        (["active", "withdrawn", "marked-good"], None, "good"),
        (["active", "withdrawn", "adopted"], None, "failed"),
        (["active", "adopted"], None, "good"),
        (["active", "marked-bad"], 1, "current"),
    ],
)
def test_the_state_of_a_generation(events: list[str], current: int | None, state: str) -> None:
    (row,) = rows(1, [(event, 1) for event in events], current)
    assert row.state == state


def test_why_it_failed_is_not_forgotten() -> None:
    (row,) = rows(1, [("rolled-back", 1), ("interrupted", 1)])
    assert (row.outcome, row.outcome_at) == ("rolled-back", 0)


def test_without_its_link_a_generation_is_deleted_whatever_it_was() -> None:
    assert rows(1, [("active", 1)], deleted=[1])[0].state == "deleted"


GOOD = [("active", number) for number in range(1, 6)]


@pytest.mark.parametrize(
    ("spec", "events", "current", "deleted", "meant"),
    [
        ("-1", GOOD, 5, [], 4),
        ("-2", GOOD, 5, [], 3),
        ("-4", GOOD, 5, [], 1),
        ("-1", GOOD, 3, [], 2),
        ("+1", GOOD, 3, [], 4),
        ("+2", GOOD, 3, [], 5),
        ("-1", GOOD, 5, [4, 3], 2),
        ("-1", [*GOOD, ("marked-bad", 4)], 5, [], 3),
        ("-1", [*GOOD, ("withdrawn", 4)], 5, [], 3),
        ("+1", [*GOOD, ("withdrawn", 4)], 3, [], 5),
        ("-1", [*GOOD, ("rolled-back", 4)], 5, [], 3),
        ("-1", GOOD[:3], 5, [], 3),
        ("-1", GOOD, None, [], 5),
        ("3", GOOD, 5, [], 3),
        ("5", GOOD, 5, [], 5),
        ("4", [*GOOD, ("rolled-back", 4)], 5, [], 4),
        ("333333", GOOD, 5, [], 3),
        ("3" * 64, GOOD, 5, [], 3),
    ],
)
def test_which_generation_is_meant(
    spec: str, events: list[tuple[str, int]], current: int | None, deleted: list[int], meant: int
) -> None:
    found = rows(5, events, current, deleted)
    assert history.resolve(spec, found).generation.number == meant


@pytest.mark.parametrize(
    ("spec", "current", "deleted", "kind", "what"),
    [
        ("-5", 5, [], NotFoundError, "only 4 good generations before"),
        ("-1", 1, [], NotFoundError, "no good generation before"),
        ("+1", 5, [], NotFoundError, "no good generation after"),
        ("+1", None, [], NotFoundError, "no generation is current"),
        ("9", 5, [], NotFoundError, "there is no generation 9"),
        ("3", 5, [3], RefusedError, "was deleted"),
        ("aaaaaa", 5, [], NotFoundError, "no generation matches"),
        ("333333", 5, [3], NotFoundError, "no generation matches"),
        ("commit:dead", 5, [], NotFoundError, "no generation matches"),
        ("33333", 5, [], NotFoundError, "no generation 33333"),
        ("0", 5, [], UsageError, "does not name"),
        ("-0", 5, [], UsageError, "does not name"),
        ("--1", 5, [], UsageError, "does not name"),
        ("1.0", 5, [], UsageError, "does not name"),
        ("commit:abc", 5, [], UsageError, "does not name"),
        ("commit:XYZW", 5, [], UsageError, "does not name"),
        ("latest", 5, [], UsageError, "does not name"),
        ("", 5, [], UsageError, "does not name"),
        ("3\n", 5, [], UsageError, "does not name"),
        ("٣", 5, [], UsageError, "does not name"),
    ],
)
def test_what_means_none(
    spec: str, current: int | None, deleted: list[int], kind: type[RelstoreError], what: str
) -> None:
    with pytest.raises(kind, match=what):
        history.resolve(spec, rows(5, GOOD, current, deleted))


def test_a_number_that_exists_is_no_prefix() -> None:
    made = [generation(number, "1") for number in (1, 111_111)]
    assert history.resolve("111111", rows(2, [], generations=made)).generation.number == 111_111
    assert history.resolve("1111111", rows(2, [], generations=made)).generation.number == 111_111
    assert history.resolve("111111", rows(1, [], generations=made[:1])).generation.number == 1


def test_a_prefix_means_the_newest_of_one_build_and_never_one_of_several() -> None:
    made = [generation(1, "a", COMMIT), generation(2, "b", COMMIT), generation(3, "a")]
    found = rows(3, [], generations=made)
    assert history.resolve("aaaaaa", found).generation.number == 3
    with pytest.raises(UsageError, match=r"different builds \(1, 2\)"):
        history.resolve("commit:abcd", found)
    assert history.resolve("commit:abcd", found[:1]).generation.number == 1


EVENTS = st.lists(st.tuples(st.sampled_from(journal.EVENTS), st.integers(1, 6)), max_size=30)


@given(EVENTS, st.none() | st.integers(1, 6), st.sets(st.integers(1, 6)))
def test_what_is_gone_back_to_was_good_and_is_there(
    events: list[tuple[str, int]], current: int | None, deleted: set[int]
) -> None:
    found = rows(6, events, current, sorted(deleted - {current}))
    target = history.rollback_target(found)
    try:
        meant = history.resolve("-1", found)
    except NotFoundError:
        meant = None
    assert target == meant
    if target is not None:
        number = target.generation.number
        about = [kind for kind, of in events if of == number]
        assert number != current
        assert number not in deleted
        assert {"active", "marked-good"} & set(about)
        assert current is None or number < current
