"""A store with checkpoints answers as one without, whatever becomes of its checkpoints."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from relstore.errors import DamagedError, RelstoreError
from relstore.formats import journal as journal_format
from relstore.formats.checkpoint import Checkpoint, Facts
from relstore.formats.generation import Description, Generation, record_digest
from relstore.formats.journal import HEADER, Event, encode_entries, first_sum
from relstore.formats.names import AppName, Digest, PinName
from relstore.host.requests import reading
from relstore.host.requests.upload import probe
from relstore.protocol import List, Log, Resolve
from relstore.store import checkpoints, history, journal, memory
from relstore.store.app import App, NewBuild
from relstore.store.history import Row
from relstore.store.store import Store
from tests.support.grown import grow
from tests.support.host_side import remove_store
from tests.support.host_state import problems

WEB, OTHER = AppName("web"), AppName("other")
KINDS = st.sampled_from(journal_format.EVENTS)


def build(letter: str) -> Digest:
    return Digest(letter * 64)


def oracle(app: App) -> list[Row]:
    """All rows, from everything that there is."""
    return history.rows(app.generations(), app.events(), app.current(), frozenset(app.linked()), app.pins())


def unresolved(events: list[Event]) -> Event | None:
    """As the journal's format defines it."""
    kinds = (*journal_format.OUTCOMES, journal_format.SWITCHING)
    last = next((event for event in reversed(events) if event.event in kinds), None)
    return last if last is not None and last.event == journal_format.SWITCHING else None


def answers(store: Store) -> list[object]:
    """What a client gets."""

    def of(ask: object) -> object:
        try:
            return ask()  # type: ignore[operator]
        except RelstoreError as error:
            return (type(error), error.what)

    specs = ["-1", "+1", "-2", "3", "999", "aaaaaa", "bbbbbb", "commit:abcd", "commit:1234", "?"]
    # Those that read little first: whoever reads all finds out what is wrong.
    return [
        *(of(lambda letter=letter: probe(store, WEB, build(letter))) for letter in "abc"),
        *(of(lambda spec=spec: reading.resolve(store, Resolve(WEB, spec))) for spec in (*specs, None)),
        *(of(lambda each=each: reading.log(store, each)) for each in (Log(WEB, 3), Log(WEB))),
        *(of(lambda each=each: reading.list_generations(store, each)) for each in (List(WEB, 2), List(WEB))),
        of(lambda: reading.list_generations(store, List(WEB, 3, True))),
    ]


class Machine(RuleBasedStateMachine):
    """Two sessions and many new ones at one store, beside an oracle that reads everything."""

    def __init__(self) -> None:
        super().__init__()
        self.top = Path(tempfile.mkdtemp(prefix="relstore-checkpoints-"))
        self.stack = contextlib.ExitStack()
        self.session = self.stack.enter_context(Store.open(str(self.top / "store"), create=True))
        for name in (WEB, OTHER):
            self.session.make_app(name)
        self.kept: list[bytes] = []
        self.now = 1000

    @property
    def place(self) -> Path:
        return self.top / "store" / "apps" / WEB

    @property
    def file(self) -> Path:
        return self.place / checkpoints.FILE

    def teardown(self) -> None:
        self.stack.close()
        remove_store(self.top)

    @contextlib.contextmanager
    def bare(self, name: AppName = WEB) -> Iterator[App]:
        """The app without any memory."""
        with self.session.app(name) as app:
            yield App(name, app.directory, self.session.durability)

    @rule(
        letters=st.text("abc", min_size=1, max_size=4),
        commit=st.sampled_from([None, "abcd" * 10, "1234" * 16]),
    )
    def release(self, letters: str, commit: str | None) -> None:
        for letter in letters:
            self.now += 1
            with self.session.app(WEB) as app:
                said = Description("me", commit, False, f"note {self.now}")
                app.append(NewBuild(build(letter), 1, 1), said, self.now)

    @rule(kind=KINDS, number=st.integers(1, 9), back=st.integers(0, 9), reason=st.text(max_size=5))
    def happens(self, kind: str, number: int, back: int, reason: str) -> None:
        self.now += 1
        with self.session.app(WEB) as app:
            event = Event(self.now, kind, number, back, f"job {self.now % 3}", "me", reason)  # type: ignore[arg-type]
            journal.append(app.directory, event)
            if kind == journal_format.ACTIVE and number in app.numbers():
                app.switch(number)

    @rule(number=st.integers(1, 9))
    def deleted(self, number: int) -> None:
        with self.session.app(WEB) as app:
            app.unlink_generations([number])

    @rule(number=st.integers(1, 9), name=st.sampled_from(["one", "two"]))
    def pinned(self, number: int, name: str) -> None:
        with self.session.app(WEB) as app:
            app.pin(PinName(name), number)

    @rule(count=st.integers(1, 40))
    def tail_is_torn(self, count: int) -> None:
        """By a crash while somebody appended."""
        with contextlib.suppress(FileNotFoundError), open(self.place / "journal", "r+b") as file:
            raw = file.read()
            file.truncate(max(len(raw) - 20, 0) if count < 20 else len(raw))
            file.seek(0, os.SEEK_END)
            file.write(b"\0" * count)

    @rule(harm=st.sampled_from(["lost", "torn", "unnamed", "foreign", "link"]))
    def checkpoint_is_harmed(self, harm: str) -> None:
        raw = self.file.read_bytes() if self.file.is_file() else b"x" * 300
        if harm == "unnamed":  # by a crash before the rename
            (self.place / ".tmp-12345678").write_bytes(raw[: len(raw) // 2])
            return
        self.file.unlink(missing_ok=True)
        if harm == "torn":  # by a power cut after it
            self.file.write_bytes(raw[: len(raw) // 2])
        elif harm == "link":
            self.file.symlink_to("/etc/passwd")
        elif harm == "foreign":
            self.file.write_bytes(self.theirs())

    def theirs(self) -> bytes:
        """The checkpoint of another app."""
        with self.session.app(OTHER) as app:
            app.append(NewBuild(build("f"), 1, 1), Description("me", None, False, ""), self.now)
            journal.append(app.directory, Event(self.now, journal_format.ACTIVE, 1, 0, "", "me", ""))
            app.prove()
        file = self.place.parent / OTHER / checkpoints.FILE
        return file.read_bytes() if file.exists() else b""

    @precondition(lambda self: self.file.exists())
    @rule()
    def checkpoint_is_copied(self) -> None:
        self.kept.append(self.file.read_bytes())

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def checkpoint_is_rolled_back(self, data: st.DataObject) -> None:
        self.file.write_bytes(data.draw(st.sampled_from(self.kept)))

    @precondition(lambda self: self.file.exists())
    @rule(at=st.integers(0, 2000), value=st.integers(1, 255))
    def checkpoint_rots(self, at: int, value: int) -> None:
        raw = bytearray(self.file.read_bytes())
        if raw:
            raw[at % len(raw)] ^= value
            self.file.write_bytes(raw)

    @rule(first=st.integers(1, 6))
    def chain_is_rewritten(self, first: int) -> None:
        """Consistently, by somebody who controls the account; or a backup was restored, and releases followed."""
        self.now += 1
        with self.bare() as app:
            try:
                generations = app.generations()
            except RelstoreError:
                return
        parent: Digest | None = None
        for each in generations:
            if each.number >= first:
                said = each.description._replace(note=f"rewritten {self.now}")
                each = each._replace(parent=parent, build=build("c"), description=said)
                record = self.place / "records" / str(each.number)
                record.unlink()
                record.write_bytes(each.encode())
            parent = record_digest(each.encode())

    @rule(first=st.integers(0, 6), kind=KINDS)
    def journal_is_rewritten(self, first: int, kind: str) -> None:
        """As above, or by a repair."""
        with self.bare() as app:
            try:
                events = app.events()
            except RelstoreError:
                return
        changed = [*events[:first], *(each._replace(event=kind) for each in events[first:])]  # type: ignore[arg-type]
        (self.place / "journal").unlink(missing_ok=True)
        (self.place / "journal").write_bytes(HEADER + encode_entries(changed, first_sum()))

    @rule()
    def history_is_restored(self) -> None:
        """From an old backup, without its checkpoint."""
        with self.bare() as app:
            numbers, linked = app.numbers(), app.linked()
        for number in numbers[1:]:
            (self.place / "records" / str(number)).unlink()
            if number in linked:
                (self.place / "generations" / str(number)).unlink()
        (self.place / "journal").unlink(missing_ok=True)

    @rule()
    def session_ends(self) -> None:
        self.stack.close()
        self.session = self.stack.enter_context(Store.open(str(self.top / "store")))

    @invariant()
    def answers_are_those_of_a_store_without(self) -> None:
        with Store.open(str(self.top / "store")) as fresh:
            found = [answers(self.session), answers(fresh)]
            with self.bare() as app, fresh.app(WEB) as read:
                try:
                    rows, events = oracle(app), app.events()
                except RelstoreError:
                    return
                for one in (read, app):
                    assert one.rows() == rows
                    assert one.unresolved() == unresolved(events)
                    switches = [event for event in events if event.event == journal_format.SWITCHING]
                    assert one.last_switch() == (switches[-1] if switches else None)
                    for last in (1, 3, 70):
                        assert one.events(last) == events[-last:]
                    for row in rows:
                        active = (journal_format.ACTIVE, row.number)
                        assert one.was_active(row.number) == (
                            active in {(event.event, event.generation) for event in events}
                        )
                    numbers = {row.number: row.generation for row in rows}
                    assert one.generations_of([*numbers, 0, 99]) == numbers
                    if rows:
                        assert list(one.table())[-1].is_good == rows[-1].is_good
        self.file.unlink(missing_ok=True)
        with Store.open(str(self.top / "store")) as without:
            expected = answers(without)
        assert found == [expected, expected]
        if self.kept:
            self.file.unlink(missing_ok=True)


@pytest.mark.parametrize(("every", "examples"), [(1, 25), (3, 10)])
def test_checkpoints_change_no_answer(monkeypatch: pytest.MonkeyPatch, every: int, examples: int) -> None:
    monkeypatch.setattr(memory, "EVERY", every)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


@pytest.fixture
def grown(top: Path) -> Path:
    """A store with an app of 200 generations, whose checkpoint was written; the app's directory."""
    grow(top, WEB, 200)
    with Store.open(str(top)) as store:
        reading.list_generations(store, List(WEB, 1))
    place = top / "apps" / WEB
    assert Checkpoint.parse((place / checkpoints.FILE).read_bytes()).generations == 200
    return place


def change_record(place: Path, number: int) -> None:
    """As somebody who wants another name in the history."""
    record = place / "records" / str(number)
    generation = Generation.parse(record.read_bytes())
    record.chmod(0o644)
    said = generation.description._replace(who="eve@laptop")
    record.write_bytes(generation._replace(description=said).encode())


def test_a_changed_record_is_noticed_by_whoever_shows_it_and_by_the_check(grown: Path, top: Path) -> None:
    change_record(grown, 50)
    with Store.open(str(top)) as store:
        with pytest.raises(DamagedError, match="record 51 of web does not continue the chain"):
            reading.resolve(store, Resolve(WEB, "50"))
        with pytest.raises(DamagedError):
            reading.list_generations(store, List(WEB))
        with pytest.raises(DamagedError), store.app(WEB) as app:
            app.prove()
    with Store.open(str(top)) as store:
        _, rows = reading.list_generations(store, List(WEB, 20))
        assert [row.number for row in rows] == list(range(181, 201))
    assert any("record 51 of web" in found for found in problems(top))


def test_a_changed_last_record_is_noticed_by_everybody(grown: Path, top: Path) -> None:
    with Store.open(str(top)) as store, store.app(WEB) as app:
        app.append(NewBuild(build("a"), 1, 1), Description("me", None, False, ""), 1)
    change_record(grown, 200)
    with Store.open(str(top)) as store, pytest.raises(DamagedError):
        reading.resolve(store, Resolve(WEB, "-1"))


def test_a_missing_record_is_noticed_by_everybody(grown: Path, top: Path) -> None:
    (grown / "records" / "50").unlink()
    with Store.open(str(top)) as store, pytest.raises(DamagedError, match="generation 50 of web is missing"):
        reading.resolve(store, Resolve(WEB, "-1"))


def test_a_changed_journal_is_noticed_by_everybody(grown: Path, top: Path) -> None:
    raw = bytearray((grown / "journal").read_bytes())
    raw[1000] ^= 1
    (grown / "journal").write_bytes(raw)
    with Store.open(str(top)) as store:
        with pytest.raises(DamagedError, match="the journal was changed"):
            reading.resolve(store, Resolve(WEB, "-1"))
        with store.app(WEB) as app, pytest.raises(DamagedError):
            journal.append(app.directory, Event(1, "active", 1, 0, "", "me", ""))


def test_an_event_that_came_before_its_record_still_counts(grown: Path, top: Path) -> None:
    with Store.open(str(top)) as store, store.app(WEB) as app:
        word = Event(1, journal_format.MARKED_GOOD, 201, 0, "", "me", "")
        journal.append(app.directory, *[word] * 2 * memory.EVERY)
        assert app.unresolved() is None
        app.append(NewBuild(build("a"), 1, 1), Description("me", None, False, ""), 1)
        assert app.table()[200].state == "good"
    with Store.open(str(top)) as store, store.app(WEB) as app:
        assert app.table()[200].state == "good"


def forged(place: Path, number: int, **changes: object) -> None:
    """A whole checkpoint that says something else of a generation."""
    found = Checkpoint.parse((place / checkpoints.FILE).read_bytes())
    facts = [found.facts(each) for each in range(1, found.generations + 1)]
    facts[number - 1] = facts[number - 1]._replace(**changes)
    rows = b"".join(map(Facts.encode, facts))
    (place / checkpoints.FILE).write_bytes(found._replace(rows=rows).encode())


@pytest.mark.parametrize("changes", [{"build": build("e")}, {"record": build("e")}, {"created": 7}], ids=str)
def test_a_checkpoint_that_contradicts_a_record_is_not_believed(
    grown: Path, top: Path, changes: dict[str, object]
) -> None:
    forged(grown, 50, **changes)
    with Store.open(str(top)) as store:
        assert reading.resolve(store, Resolve(WEB, "50")).row.build != build("e")
        assert problems(top) == []
    renewed = Checkpoint.parse((grown / checkpoints.FILE).read_bytes())
    assert renewed.facts(50).build != build("e")
    assert renewed.facts(50).created != 7


def test_the_check_renews_what_only_it_can_tell(grown: Path, top: Path) -> None:
    before = (grown / checkpoints.FILE).read_bytes()
    reputation = Checkpoint.parse(before).facts(50).reputation
    forged(grown, 50, reputation=reputation._replace(was_good=not reputation.was_good))
    assert problems(top) == []
    assert (grown / checkpoints.FILE).read_bytes() == before


def test_writing_it_never_fails_a_command(grown: Path, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (grown / checkpoints.FILE).unlink()
    (grown / checkpoints.FILE).mkdir()
    with Store.open(str(top)) as store:
        reading.resolve(store, Resolve(WEB, "-1"))
    assert [name for name in os.listdir(grown) if name.startswith(".tmp-")] == []
    (grown / checkpoints.FILE).rmdir()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write_all", full)
    with Store.open(str(top)) as store:
        reading.resolve(store, Resolve(WEB, "-1"))
    assert not (grown / checkpoints.FILE).exists()
    assert [name for name in os.listdir(grown) if name.startswith(".tmp-")] == []


def test_one_that_leads_elsewhere_is_not_followed(grown: Path, top: Path, tmp_path: Path) -> None:
    (grown / checkpoints.FILE).rename(tmp_path / "moved")
    before = (tmp_path / "moved").read_bytes()
    (grown / checkpoints.FILE).symlink_to(tmp_path / "moved")
    with Store.open(str(top)) as store, store.app(WEB) as app:
        assert checkpoints.read(app.directory) is None
        reading.resolve(store, Resolve(WEB, "-1"))
    assert not (grown / checkpoints.FILE).is_symlink()
    assert (tmp_path / "moved").read_bytes() == before


def test_a_store_for_a_newer_relstore_gets_none(grown: Path, top: Path) -> None:
    (grown / checkpoints.FILE).unlink()
    (top / "needs").write_text("relstore-needs 9 9.0.0\n")
    with Store.open(str(top)) as store:
        reading.resolve(store, Resolve(WEB, "-1"))
    assert not (grown / checkpoints.FILE).exists()


def test_a_small_app_has_none(top: Path) -> None:
    grow(top, WEB, 20)
    with Store.open(str(top)) as store:
        reading.list_generations(store, List(WEB))
    assert not (top / "apps" / WEB / checkpoints.FILE).exists()
    assert problems(top) == []


def test_what_is_read_is_what_came_later(grown: Path, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    parse = Generation.parse
    monkeypatch.setattr(Generation, "parse", lambda raw: (one := parse(raw), read.append(one.number))[0])
    with Store.open(str(top)) as store:
        reading.resolve(store, Resolve(WEB, "-1"))
        reading.list_generations(store, List(WEB, 3))
    assert sorted(set(read)) == [198, 199, 200]
