"""What a host sends of a history when it is asked for the last of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.formats.journal import ACTIVE, FAILED, MARKED_GOOD, SWITCHING, Event, EventKind
from relstore.formats.names import PinName
from relstore.host.requests import reading
from relstore.protocol import List, Log
from relstore.store import journal
from relstore.store.store import Store
from tests.support.grown import grow
from tests.support.host_side import WEB

COUNT = 30


@pytest.fixture
def store(tmp_path: Path) -> Store:
    grow(tmp_path / "store", WEB, COUNT)
    return Store.open(str(tmp_path / "store"))


def numbers(store: Store, request: List) -> tuple[list[int], int | None]:
    listed, rows = reading.list_generations(store, request)
    return [row.number for row in rows], listed.left_out


def test_all_generations_are_listed_unless_the_last_are_asked_for(store: Store) -> None:
    assert numbers(store, List(WEB)) == (list(range(1, COUNT + 1)), None)
    assert numbers(store, List(WEB, 3)) == ([28, 29, 30], 27)
    assert numbers(store, List(WEB, 99)) == (list(range(1, COUNT + 1)), 0)


def test_the_current_and_the_pinned_ones_are_among_the_last(store: Store) -> None:
    with store.app(WEB) as app:
        app.switch(12)
        app.pin(PinName("old"), 5)
        app.pin(PinName("older"), 5)
        app.pin(PinName("gone"), 4)
        app.unlink_generations([4, 29])
    assert numbers(store, List(WEB, 3)) == ([5, 12, 27, 28, 30], 23)
    assert numbers(store, List(WEB, 3, True)) == ([5, 12, 28, 29, 30], 25)
    assert numbers(store, List(WEB, 20)) == ([5, *range(10, 29), 30], 7)


def test_an_app_without_generations_has_no_last_ones(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "empty"), create=True) as empty:
        empty.make_app(WEB)
        assert numbers(empty, List(WEB, 3)) == ([], 0)
        assert reading.log(empty, Log(WEB, 3))[1] == []


def log(store: Store, last: int | None) -> list[tuple[str, int]]:
    return [(row.event, row.generation) for row in reading.log(store, Log(WEB, last))[1]]


def test_the_last_events_come_with_the_intents_of_what_ends_among_them(store: Store) -> None:
    everything = log(store, None)
    assert len(everything) == 2 * COUNT
    assert log(store, 4) == everything[-4:]
    assert log(store, 3) == everything[-4:]
    assert log(store, 500) == everything
    with store.app(WEB) as app:

        def happens(kind: EventKind, job: str, number: int = 30) -> None:
            journal.append(app.directory, Event(1_800_000_000, kind, number, 29, job, "me", ""))

        happens(SWITCHING, "one")
        for _ in range(10):
            happens(MARKED_GOOD, "")
        happens(ACTIVE, "one")
        happens(FAILED, "two")
    assert log(store, 3) == [(SWITCHING, 30), (MARKED_GOOD, 30), (ACTIVE, 30), (FAILED, 30)]
    assert log(store, 1) == [(FAILED, 30)]
