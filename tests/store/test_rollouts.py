"""The rollouts of an app: who has the higher epoch, who is told what, and what is forgotten."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from relstore.errors import BusyError, NotFoundError, RelstoreError, TakenOverError
from relstore.formats.rollout import RolloutRecord
from relstore.store.directory import Dir
from relstore.store.rollouts import KEPT, Claim, Rollouts, is_in_the_way
from tests.support.rollouts import ID, RECORD, another


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Dir]:
    with Dir.open_path(str(tmp_path)) as opened:
        yield opened


def take(rollouts: Rollouts, record: RolloutRecord, *, begins: bool = True, supersede: bool = False) -> int:
    return rollouts.take(record, begins=begins, supersede=supersede, plan=b"plan", part=b"part")


def test_an_app_without_any_has_none(directory: Dir, tmp_path: Path) -> None:
    assert Rollouts(directory).all() == []
    assert Rollouts(directory).newest() is None
    assert list(tmp_path.iterdir()) == []


def test_it_runs_for_as_long_as_a_session_acts_for_it(directory: Dir) -> None:
    rollouts = Rollouts(directory)
    held = take(rollouts, RECORD)
    newest = rollouts.newest()
    assert newest is not None
    assert (newest.record, newest.is_held, is_in_the_way(newest)) == (RECORD, True, True)
    second = take(rollouts, RECORD)  # another session of the same client
    os.close(held)
    assert is_in_the_way(rollouts.newest())
    os.close(second)
    assert not is_in_the_way(rollouts.newest())
    assert (Path(directory.path) / "rollouts").stat().st_mode & 0o777 == 0o700


def test_whoever_comes_second_is_told_who_is_first_and_who_is_taken_over_from_too(directory: Dir) -> None:
    rollouts = Rollouts(directory)
    held = take(rollouts, RECORD)
    with pytest.raises(BusyError, match="of ada@laptop runs: it is in wave 1 of 3"):
        take(rollouts, another(1))
    taken = take(rollouts, another(1)._replace(who="bob@ci"), supersede=True)
    with pytest.raises(TakenOverError, match="taken over by bob@ci"):
        rollouts.write(Claim.of(RECORD), {"wave": 1})
    with pytest.raises(TakenOverError, match="taken over by bob@ci"):
        take(rollouts, RECORD)
    os.close(held)
    os.close(taken)


def test_of_two_that_want_the_same_epoch_one_gets_it(directory: Dir) -> None:
    rollouts = Rollouts(directory)
    os.close(take(rollouts, RECORD))
    first = RECORD._replace(epoch=2, claim="a" * 16, who="bob@ci")
    held = take(rollouts, first, begins=False)
    with pytest.raises(TakenOverError, match="bob@ci"):
        take(rollouts, first._replace(claim="b" * 16, who="eve@ci"), begins=False, supersede=True)
    os.close(held)


def test_one_that_is_paused_is_in_the_way_though_nobody_acts_for_it(directory: Dir) -> None:
    rollouts = Rollouts(directory)
    os.close(take(rollouts, RECORD))
    rollouts.write(Claim.of(RECORD), {"state": "paused"})
    with pytest.raises(BusyError, match="waits for a person: it is paused after wave 1 of 3"):
        take(rollouts, another(1))
    rollouts.write(Claim.of(RECORD), {"state": "done"})
    os.close(take(rollouts, another(1)))


def test_a_host_that_never_heard_of_it_says_so(directory: Dir) -> None:
    with pytest.raises(NotFoundError, match="knows nothing of rollout"):
        take(Rollouts(directory), RECORD, begins=False)


def test_the_oldest_are_forgotten_and_what_cannot_be_read_first(directory: Dir) -> None:
    rollouts = Rollouts(directory)
    os.close(take(rollouts, RECORD))
    (Path(directory.path) / "rollouts" / ID / "record").write_bytes(b"garbage")
    assert [known.id for known in rollouts.damaged()] == [ID]
    for number in range(1, KEPT + 3):
        os.close(take(rollouts, another(number)))
    assert [known.id for known in rollouts.all()] == [another(n).id for n in range(KEPT + 2, 2, -1)]
    assert rollouts.damaged() == []


@pytest.mark.parametrize("planted", ["fifo", "link", "directory", "large", "foreign"])
def test_what_is_planted_there_is_passed_over(directory: Dir, tmp_path: Path, planted: str) -> None:
    place = tmp_path / "rollouts" / ID
    place.mkdir(parents=True)
    record = place / "record"
    plant: dict[str, Callable[[], object]] = {
        "fifo": lambda: os.mkfifo(record),
        "link": lambda: record.symlink_to("/etc/passwd"),
        "directory": record.mkdir,
        "large": lambda: record.write_bytes(b"x" * 100_000),
        "foreign": lambda: record.write_bytes(another(1).encode()),
    }
    plant[planted]()
    rollouts = Rollouts(directory)
    assert rollouts.newest() is None
    assert len(rollouts.damaged()) == 1
    os.close(take(rollouts, another(2)))
    newest = rollouts.newest()
    assert newest is not None
    assert newest.id == another(2).id


class Fencing(RuleBasedStateMachine):
    """Clients that begin, go on, note and vanish at one host: there is at most one that may act, the last one."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.place = tempfile.TemporaryDirectory()
        self.directory = Dir.open_path(self.place.name)
        self.rollouts = Rollouts(self.directory)
        self.clients: list[tuple[RolloutRecord, int]] = []
        self.last: RolloutRecord | None = None
        self.state = ""
        self.number = 0

    def teardown(self) -> None:
        for _, fd in self.clients:
            os.close(fd)
        self.directory.close()
        self.place.cleanup()

    def _epoch(self) -> int:
        newest = self.rollouts.newest()
        return 1 if newest is None or newest.record is None else newest.record.epoch + 1

    def _is_held(self) -> bool:
        return any(self.last is not None and record.claim == self.last.claim for record, _ in self.clients)

    def _try(self, record: RolloutRecord, *, begins: bool, supersede: bool) -> None:
        in_the_way = self.last is not None and self.state not in ("done", "") and (
            self._is_held() or (self.state == "paused" and self.last.id != record.id)
        )  # fmt: skip
        if self.last is not None and self.last.id == record.id and self._is_held():
            in_the_way = True
        try:
            fd = take(self.rollouts, record, begins=begins, supersede=supersede)
        except BusyError:
            assert in_the_way
            assert not supersede
            return
        except TakenOverError:
            assert self.last is not None
            assert record.epoch <= self.last.epoch
            return
        assert supersede or not in_the_way
        assert self.last is None or record.epoch > self.last.epoch
        self.clients.append((record, fd))
        self.last, self.state = record, record.state

    @rule(supersede=st.booleans(), late=st.integers(0, 2))
    def begin(self, supersede: bool, late: int) -> None:
        self.number = min(self.number + 1, 59)
        record = another(self.number)._replace(
            epoch=max(self._epoch() - late, 1), claim=os.urandom(8).hex(), who=f"user{self.number}"
        )
        if not any(known.id == record.id for known in self.rollouts.all()):
            self._try(record, begins=True, supersede=supersede)

    @rule(supersede=st.booleans(), late=st.integers(0, 2))
    def go_on(self, supersede: bool, late: int) -> None:
        if self.last is not None:
            epoch = max(self._epoch() - late, 1)
            record = self.last._replace(epoch=epoch, claim=os.urandom(8).hex(), state="wave")
            self._try(record, begins=False, supersede=supersede)

    @rule(data=st.data(), state=st.sampled_from(["wave", "paused", "done"]))
    def note(self, data: st.DataObject, state: str) -> None:
        if not self.clients:
            return
        record, _ = data.draw(st.sampled_from(self.clients))
        try:
            self.rollouts.write(Claim.of(record), {"state": state})
        except RelstoreError:
            assert self.last is not None
            assert record.claim != self.last.claim
        else:
            assert self.last is not None
            assert record.claim == self.last.claim
            self.state = state

    @rule(data=st.data())
    def vanish(self, data: st.DataObject) -> None:
        if self.clients:
            index = data.draw(st.integers(0, len(self.clients) - 1))
            os.close(self.clients.pop(index)[1])

    @invariant()
    def the_last_one_has_it(self) -> None:
        newest = self.rollouts.newest()
        if self.last is None:
            assert newest is None
        else:
            assert newest is not None
            assert newest.record is not None
            assert Claim.of(newest.record) == Claim.of(self.last)
            assert newest.is_held == self._is_held()
            with contextlib.suppress(OSError):
                assert len(self.rollouts.all()) <= KEPT


TestFencing = Fencing.TestCase
TestFencing.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
