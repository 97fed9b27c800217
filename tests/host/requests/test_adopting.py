"""Adopting: what comes into the store, where the path leads, and the way back."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from relstore.errors import BusyError, NotFoundError, RefusedError, UnfitReleaseError
from relstore.formats.adoption import LayoutKind
from relstore.formats.generation import CURRENT, GOOD, NEVER_ACTIVE
from relstore.host.requests import adopting
from relstore.protocol import Adopt, Adopted, AdoptedOut, GiveBack, Step
from relstore.store import adoption as adoptions
from relstore.store import locks
from relstore.store.app import LOCK
from relstore.store.store import Store
from tests.support import old_layouts
from tests.support.host_side import REPOSITORY, WEB, go_live, remove_store, strace

APP = WEB
WHO = "me@desk"


def request(
    path: Path,
    *,
    layout: LayoutKind | None = None,
    live: str | None = None,
    good: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    last: int = 5,
    dry_run: bool = False,
) -> Adopt:
    return Adopt(APP, str(path), layout, live, good, exclude, last, WHO, dry_run)


def adopt(top: Path, asked: Adopt, steps: list[Step] | None = None) -> tuple[Adopted, list[AdoptedOut]]:
    told = [] if steps is None else steps
    opened: list[Store] = []

    def open_store(create: bool) -> Store:
        if not opened:
            opened.append(Store.open(str(top), create=create))
        return opened[0]

    try:
        return adopting.adopt(open_store, asked, told.append)
    finally:
        for store in opened:
            store.close()


def undo(top: Path) -> str:
    with Store.open(str(top)) as store:
        return adopting.give_back(store, GiveBack(APP, False)).target


def states(top: Path) -> list[tuple[str, str]]:
    """The note and the state of each generation."""
    with Store.open(str(top)) as store, store.app(APP) as app:
        return [(row.generation.description.note, row.state) for row in app.rows()]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return tmp_path / "old"


def test_the_layout_of_the_script(old: Path, top: Path) -> None:
    files = old_layouts.versions(old, count=3, live=2)
    was = os.readlink(old / "example")
    steps: list[Step] = []
    adopted, rows = adopt(top, request(old), steps)
    assert adopted == (
        "versions",
        f"{old}/example",
        f"{top}/apps/web/current/example",
        2,
        f"{old}/versions",
    )
    assert [(row.generation, row.is_live, row.is_good, row.problem) for row in rows] == [
        (1, False, False, ""),
        (2, True, True, ""),
        (3, False, False, ""),
    ]
    assert (old / "example").read_bytes() == files[1].read_bytes()
    assert os.readlink(old / "example") == adopted.target
    assert [state for _, state in states(top)] == [NEVER_ACTIVE, CURRENT, NEVER_ACTIVE]
    with Store.open(str(top)) as store, store.app(APP) as app:
        first = app.generations()[0]
        assert first.created == old_layouts.LONG_AGO + 1000
        assert first.description == (
            WHO,
            old_layouts.COMMITS[0],
            False,
            f"adopted from example-{first.created}",
        )
        assert not [finding for build in store.builds.ids() for finding in store.builds.check(build)]
    assert {step.name.partition(" ")[0] for step in steps} == {"reading", "importing", "taking"}
    assert all(path.is_file() and path.stat().st_nlink == 1 for path in files)
    assert undo(top) == was
    assert os.readlink(old / "example") == was


def test_capistrano_with_shared_data_and_back_to_an_older_one(old: Path, top: Path) -> None:
    names = old_layouts.capistrano(old, count=3, live=3)
    adopt(top, request(old))
    assert [state for _, state in states(top)] == [GOOD, GOOD, CURRENT]
    assert (old / "current/version").read_text() == "v3"
    assert os.readlink(old / "current/uploads") == f"{old}/shared/uploads"
    with Store.open(str(top)) as store, store.app(APP) as app:
        app.switch(2)
    assert (old / "current/version").read_text() == "v2"
    assert undo(top) == f"{old}/releases/{names[1]}"
    assert (old / "current/version").read_text() == "v2"


@pytest.mark.parametrize(
    ("make", "taken"),
    [
        (old_layouts.ansistrano, [NEVER_ACTIVE, CURRENT]),
        (old_layouts.deployer, [NEVER_ACTIVE, CURRENT]),
    ],
)
def test_other_tools(make: Callable[[Path], object], taken: list[str], old: Path, top: Path) -> None:
    make(old)
    was = os.readlink(old / "current")
    adopt(top, request(old))
    assert [state for _, state in states(top)] == taken
    assert os.readlink(old / "current") == f"{top}/apps/web/current"
    assert undo(top) == was


def test_a_plain_directory(old: Path, top: Path) -> None:
    old_layouts.tree(old, "v1")
    old_layouts.settle(old)
    adopted, _ = adopt(top, request(old))
    assert old.is_symlink()
    assert (old / "version").read_text() == "v1"
    assert adopted.left_over == f"{old}.before-relstore"
    assert (Path(adopted.left_over) / "version").read_text() == "v1"
    assert undo(top) == str(old)
    assert old.is_dir()
    assert not old.is_symlink()
    assert not os.path.lexists(adopted.left_over)


def test_a_link_to_a_directory_elsewhere(tmp_path: Path, top: Path) -> None:
    old_layouts.tree(tmp_path / "web-1.0", "v1")
    (tmp_path / "web").symlink_to("web-1.0")
    old_layouts.settle(tmp_path)
    adopted, _ = adopt(top, request(tmp_path / "web"))
    assert adopted.left_over == f"{tmp_path}/web-1.0"  # and not all that lies beside it
    assert os.readlink(tmp_path / "web") == f"{top}/apps/web/current"
    assert undo(top) == "web-1.0"


def test_a_dry_run_makes_nothing(old: Path, top: Path) -> None:
    old_layouts.versions(old)
    was = os.readlink(old / "example")
    adopted, rows = adopt(top, request(old, dry_run=True))
    assert (adopted.generation, adopted.target) == (0, "")
    assert len(rows) == 3
    assert all(row.build for row in rows)
    assert not top.exists()
    assert os.readlink(old / "example") == was


def test_a_half_copied_release_is_listed_and_not_taken(old: Path, top: Path) -> None:
    files = old_layouts.versions(old, count=3, live=3)
    files[0].write_bytes(b"ha")
    _, rows = adopt(top, request(old))
    assert [(row.generation, bool(row.problem)) for row in rows] == [(0, True), (1, False), (2, False)]
    assert "not whole" in rows[0].problem


def test_the_live_release_is_unfit(old: Path, top: Path) -> None:
    files = old_layouts.versions(old, count=2, live=2)
    files[1].write_bytes(b"ha")
    with pytest.raises(UnfitReleaseError, match="not whole"):
        adopt(top, request(old))
    assert not top.exists()
    assert os.readlink(old / "example") == str(files[1])


def test_again_after_it_was_done(old: Path, top: Path) -> None:
    old_layouts.versions(old)
    first, _ = adopt(top, request(old))
    again, rows = adopt(top, request(old))
    assert (again.generation, again.target, rows) == (first.generation, first.target, [])
    assert len(states(top)) == 3


def test_an_app_that_relstore_activated(old: Path, top: Path) -> None:
    old_layouts.versions(old)
    with Store.open(str(top), create=True) as store:
        go_live(store, {"a": b"1"})
    with pytest.raises(RefusedError, match="app of relstore's already"):
        adopt(top, request(old))


def test_two_paths_for_one_app(old: Path, tmp_path: Path, top: Path) -> None:
    old_layouts.versions(old)
    old_layouts.versions(tmp_path / "other")
    adopt(top, request(old))
    (old / "example").unlink()  # so that it is not adopted any more
    with pytest.raises(RefusedError, match=r"has adopted .*old/example already"):
        adopt(top, request(tmp_path / "other"))


def test_while_an_activation_is_under_way(old: Path, top: Path) -> None:
    old_layouts.versions(old)
    with Store.open(str(top), create=True) as store:
        store.make_app(APP)
        with store.app(APP) as app:
            lock = locks.open_lock(app.directory, LOCK)
            assert locks.try_lock(lock, exclusive=True)
            with pytest.raises(BusyError):
                adopt(top, request(old))
            os.close(lock)


def test_the_way_back_from_a_release_that_the_old_layout_lacks(old: Path, top: Path) -> None:
    old_layouts.versions(old)
    adopt(top, request(old))
    with Store.open(str(top)) as store:
        go_live(store, {"example": b"new"})
    with pytest.raises(RefusedError, match=r"generation 4 is current.*") as caught:
        undo(top)
    assert "1, 2, 3" in caught.value.hint


def test_adopted_again_after_the_path_was_given_back(old: Path, top: Path) -> None:
    old_layouts.capistrano(old, count=2, live=2)
    adopt(top, request(old))
    with Store.open(str(top)) as store:
        go_live(store, {"version": b"new"})
        with store.app(APP) as app:
            app.switch(2)
    undo(top)
    adopted, _ = adopt(top, request(old))
    assert adopted.generation == 2
    assert len(states(top)) == 3


def test_nothing_to_give_back(old: Path, top: Path) -> None:
    with Store.open(str(top), create=True) as store:
        store.make_app(APP)
    with pytest.raises(NotFoundError):
        undo(top)


def test_an_old_release_that_is_gone(old: Path, top: Path) -> None:
    files = old_layouts.versions(old, count=2, live=2)
    adopt(top, request(old))
    with Store.open(str(top)) as store, store.app(APP) as app:
        app.switch(1)
    files[0].unlink()
    with pytest.raises(RefusedError, match="not there any more"):
        undo(top)


@pytest.mark.parametrize(
    ("path", "live", "match"),
    [
        ("old", None, "not an absolute path"),
        ("{tmp}/missing", None, "there is no"),
        ("{tmp}/file", None, "not a directory"),
        ("{tmp}/old", "{tmp}/file", "not a symlink"),
        ("{tmp}/old", "{tmp}/elsewhere", "no file in"),
    ],
)
def test_what_cannot_be_adopted(path: str, live: str | None, match: str, tmp_path: Path, top: Path) -> None:
    old_layouts.versions(tmp_path / "old")
    (tmp_path / "file").write_text("x")
    (tmp_path / "elsewhere").symlink_to("file")
    asked = request(Path(path.format(tmp=tmp_path)), live=live.format(tmp=tmp_path) if live else None)
    with pytest.raises((RefusedError, NotFoundError), match=match):
        adopt(top, asked)
    assert not top.exists()


def test_the_link_was_moved_meanwhile(old: Path, top: Path) -> None:
    """The old tool deployed once more between the plan and the last step."""
    files = old_layouts.versions(old, count=3, live=2)

    def deploy(step: Step) -> None:
        if step.name == "taking over the path":
            (old / "example").unlink()
            (old / "example").symlink_to(files[2])

    with Store.open(str(top), create=True) as store, pytest.raises(RefusedError, match="changed meanwhile"):
        adopting.adopt(lambda _: store, request(old), deploy)
    assert os.readlink(old / "example") == str(files[2])
    adopted, _ = adopt(top, request(old))
    assert adopted.generation == 3
    assert len(states(top)) == 3


@pytest.mark.parametrize("make", ["link", "directory"])
def test_no_read_fails_through_adoption_and_undo(make: str, old: Path, top: Path) -> None:
    if make == "link":
        old_layouts.capistrano(old, count=1, live=1)
        path = old / "current/version"
    else:
        old_layouts.tree(old, "v1")
        old_layouts.settle(old)
        path = old / "version"
    ended = threading.Event()
    failures: list[OSError] = []
    reads = [0]

    def read() -> None:
        while not ended.is_set():
            reads[0] += 1
            try:
                assert path.read_text() == "v1"
            except OSError as error:
                failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(20):
            adopt(top, request(old))
            undo(top)
    finally:
        ended.set()
        reader.join()
    assert reads[0] > 20
    assert not failures


_CALLS = (
    "renameat", "renameat2", "symlinkat", "unlinkat", "linkat", "mkdirat", "fsync", "syncfs", "write", "fchmod",
)  # fmt: skip
_RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.host.requests.test_adopting import adopt, request, undo
adopt(Path(sys.argv[2]), request(Path(sys.argv[3])))
if sys.argv[4:]:
    undo(Path(sys.argv[2]))
"""
EVERY = 1 if os.environ.get("RELSTORE_TEST_THOROUGH") == "1" else 30


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("make", ["link", "directory"])
def test_killed_at_every_call(make: str, tmp_path: Path) -> None:
    """The path is the old one or the new one, and the same command ends what was begun."""
    tried = 0
    for call in _CALLS:
        number = 1
        while True:
            place = tmp_path / f"{call}-{number}"
            old, top = place / "old", place / "store"
            if make == "link":
                old_layouts.versions(old, count=2, live=2)
                live, content = old / "example", old_layouts.program("v2")
            else:
                old_layouts.tree(old, "v1")
                old_layouts.settle(old)
                live, content = old, b"v1"
            file = live if make == "link" else live / "version"
            words = [sys.executable, "-c", _RUN, str(REPOSITORY), str(top), str(old), "and back"]
            ended = subprocess.run(
                [*strace(call, f"signal=KILL:when={number}"), *words],
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert file.read_bytes() == content, (call, number)
            if ended.returncode == 0:
                break
            assert ended.returncode in (-9, 137), ended.stderr
            tried += 1
            adopt(top, request(old))
            assert os.readlink(live).startswith(f"{top}/apps/web/current"), (call, number)
            assert file.read_bytes() == content
            undo(top)
            assert file.read_bytes() == content
            left = {"old", "store"}
            assert {path.name for path in place.iterdir()} == left, (call, number)
            remove_store(top)
            number += EVERY
    assert tried > 8


def test_what_is_recorded_is_read_again(old: Path, top: Path) -> None:
    old_layouts.versions(old, count=2, live=1)
    adopt(top, request(old))
    with Store.open(str(top)) as store, store.app(APP) as app:
        adoption = adoptions.read(app.directory)
        assert adoption is not None
        assert [place.generation for place in adoption.places] == [1, 2]
        assert adoption.was == str(next(iter(sorted((old / "versions").iterdir()))))
