"""An app: numbers that only one takes, a chain that cannot be rewritten, a link that is ours."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.errors import DamagedError, FormatError, NotFoundError, StoreError
from relstore.formats.generation import Generation
from relstore.formats.names import AppName, PinName
from relstore.store.app import App, NewBuild
from relstore.store.store import Store
from tests.support.host_side import DESCRIPTION, NOW, WEB, go_live, program, push_build, record, release


@pytest.fixture
def app(store: Store) -> Iterator[App]:
    """An app of three generations; the third is current."""
    for content in (b"1", b"2", b"3"):
        go_live(store, {"file": content})
    with store.app(WEB) as opened:
        yield opened


def rewrite(app: App, number: int, change: dict[str, object]) -> None:
    """Write a record over one of the chain."""
    path = Path(app.directory.path) / "records" / str(number)
    changed = Generation.parse(path.read_bytes())._replace(**change)  # type: ignore[arg-type]
    path.unlink()
    path.write_bytes(changed.encode())


def test_a_chain_holds_each_record_before(app: App) -> None:
    first, second, third = app.generations()
    assert first.parent is None
    assert [second.number, third.number] == [2, 3]
    assert app.numbers() == [1, 2, 3]
    assert app.current() == 3


def test_a_record_that_was_rewritten_is_seen_in_the_next(app: App) -> None:
    rewrite(app, 2, {"description": DESCRIPTION._replace(note="I was never here")})
    with pytest.raises(DamagedError, match="record 3 of web does not continue"):
        app.generations()


@pytest.mark.parametrize("change", [{"number": 3}, {"app": AppName("other")}])
def test_a_record_of_another_place_is_refused(app: App, change: dict[str, object]) -> None:
    rewrite(app, 2, change)
    with pytest.raises(DamagedError, match="record 2 of web does not continue"):
        app.generations()


def test_a_missing_record_is_damage(app: App) -> None:
    (Path(app.directory.path) / "records/2").unlink()
    with pytest.raises(DamagedError, match="the record of generation 2 of web is missing"):
        app.generations()


@pytest.mark.parametrize("name", ["4x", "04", "-1", "0", "2147483648"])
def test_a_foreign_name_among_the_records_is_passed_over_and_named(app: App, name: str) -> None:
    before = app.numbers()
    (Path(app.directory.path) / "records" / name).write_bytes(b"")
    assert app.numbers() == before
    assert app.foreign_names() == [f"records/{name}"]


@pytest.mark.parametrize(
    "target", ["/etc", "generations/0", "generations/3/", "generations/../x", "../x", "generations/3x", "3"]
)
def test_a_foreign_link_is_left_alone(app: App, target: str) -> None:
    link = Path(app.directory.path) / "current"
    link.unlink()
    link.symlink_to(target)
    with pytest.raises(StoreError, match="is not a generation"):
        app.current()
    assert os.readlink(link) == target


def test_the_link_goes_and_comes(app: App) -> None:
    app.switch(1)
    assert os.readlink(Path(app.directory.path) / "current") == "generations/1"
    assert (Path(app.directory.path) / "current/file").read_bytes() == b"1"
    app.switch(None)
    assert app.current() is None
    app.switch(None)


def test_a_link_that_a_crash_kept_from_being_made_is_made(app: App) -> None:
    generation = app.generations()[1]
    app.unlink_generations([2])
    assert app.linked() == [1, 3]
    app.ensure_link(generation)
    assert app.linked() == [1, 2, 3]


def test_pins(app: App) -> None:
    app.pin(PinName("stable"), 2)
    app.pin(PinName("old"), 1)
    app.pin(PinName("stable"), 3)
    assert app.pins() == [("old", 1), ("stable", 3)]
    app.unpin(PinName("old"))
    with pytest.raises(NotFoundError, match="no pin 'old'"):
        app.unpin(PinName("old"))


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("text", "does not hold the number of a generation"),
        ("bytes", "does not hold the number of a generation"),
        ("directory", "is not a regular file"),
        ("pipe", "is not a regular file"),
        ("link", "is not a regular file"),
    ],
)
def test_a_pin_that_cannot_be_read_hides_no_other_and_nothing_may_be_removed(
    app: App, kind: str, problem: str
) -> None:
    app.pin(PinName("stable"), 3)
    bad = Path(app.directory.path) / "pins/bad"
    if kind == "directory":
        bad.mkdir()
    elif kind == "pipe":
        os.mkfifo(bad)
    elif kind == "link":
        bad.symlink_to("stable")
    else:
        bad.write_bytes(b"three" if kind == "text" else b"\xff")
    assert app.pins() == [("stable", 3)]
    with pytest.raises(DamagedError, match=f"the pin 'bad' of web {problem}"):
        app.check_pins()


APPEND = """
from relstore.store.app import NewBuild
from relstore.formats.names import AppName, Digest
from relstore.formats.generation import Description
from relstore.store.store import Store
with Store.open(sys.argv[1]) as store, store.app(AppName("web")) as app:
    for _ in range(20):
        with store.shared():
            app.append(NewBuild(Digest(sys.argv[2]), 1, 1), Description(sys.argv[3], None, False, ""), 1)
"""


@pytest.mark.slow
def test_several_deployers_never_take_one_number(store: Store, top: Path) -> None:
    build = push_build(store, {"file": b"1"})
    store.make_app(WEB)
    writers = [subprocess.Popen(program(APPEND, top, build, name)) for name in "abc"]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    with store.app(WEB) as app:
        chain = app.generations()
        assert [generation.number for generation in chain] == [*range(1, 61)]
        assert app.linked() == [*range(1, 61)]
    for name in "abc":
        assert sum(generation.description.who == name for generation in chain) == 20


def test_rows_tell_what_became_of_each(store: Store, app: App) -> None:
    release(store, {"file": b"4"})
    record(store, 4, "rolled-back", previous=3)
    assert [row.state for row in app.rows()] == ["good", "good", "current", "failed"]


def test_a_record_that_could_not_be_read_again_is_not_written(app: App) -> None:
    before = app.numbers()
    with pytest.raises(FormatError):
        app.append(NewBuild(app.generations()[0].build, 1, 1), DESCRIPTION._replace(who="w" * 300), NOW)
    assert app.numbers() == before
