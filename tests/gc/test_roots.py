"""What the host has that keeps things alive is found; what cannot be read is never taken for nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relstore.errors import RelstoreError
from relstore.formats.names import AppName
from relstore.gc import processes, roots
from relstore.store.slots import Slots
from relstore.store.store import Store
from tests.support.host_side import NOW, WEB, artifact, begin_upload, build_of, go_live, release


def test_every_app_with_its_rows_and_jobs(store: Store) -> None:
    other = AppName("other")
    go_live(store, {"a": b"one"})
    release(store, {"a": b"two"})
    go_live(store, {"a": b"one"}, name=other)
    found = roots.find(store, {WEB: {2}})
    assert {name: [row.state for row in rows] for name, rows in found.roots.apps.items()} == {
        WEB: ["current", "never-active"],
        other: ["current"],
    }
    assert found.roots.jobs == {WEB: {2}}
    assert found.roots.leased == frozenset()
    assert found.leases == {}


def test_what_slots_and_a_trial_run_is_a_root(store: Store) -> None:
    go_live(store, {"a": b"one"})
    release(store, {"a": b"two"})
    with store.app(WEB) as app:
        slots = Slots(app.directory, store.durability)
        slots.set("a", 1)
        slots.set("trial", 2)
    assert sorted(roots.find(store, {}).roots.slots[WEB]) == [1, 2]


def test_an_upload_under_way_is_a_root_and_ends_as_one(store: Store) -> None:
    made = artifact({"a": b"new"})
    upload = begin_upload(store, made)
    found = roots.find(store, {})
    assert found.roots.leased == {made.build}
    assert found.leases == {made.build: made.raw}
    upload.close(done=False)
    assert roots.find(store, {}).roots.leased == frozenset()


def test_two_uploads_of_one_build_are_two_leases(store: Store) -> None:
    made = artifact({"a": b"new"})
    first, second = begin_upload(store, made), begin_upload(store, made)
    assert list(roots.find(store, {}).leases.values()) == [made.raw, made.raw]
    first.close(done=True)
    found = roots.find(store, {})
    assert (found.roots.leased, list(found.leases.values())) == ({made.build}, [made.raw])
    second.close(done=True)


def test_a_lease_that_nobody_holds_is_dead(store: Store, tmp_path: Path) -> None:
    """As a helper that was killed leaves it."""
    made = artifact({"a": b"new"})
    (tmp_path / "store" / "leases" / made.build).write_bytes(made.raw)
    found = roots.find(store, {})
    assert found.leases == {}
    assert found.roots.leased == frozenset()


def test_a_process_that_runs_a_build_is_a_root(store: Store, tmp_path: Path) -> None:
    go_live(store, {"a": b"one"})
    build = build_of(store, 1)
    before = os.getcwd()
    os.chdir(tmp_path / "store" / "builds" / build / "tree")
    try:
        assert build in roots.find(store, {}).roots.running
    finally:
        os.chdir(before)
    assert build not in roots.find(store, {}).roots.running


@pytest.mark.parametrize("what", ["record", "journal", "link"])
def test_a_root_that_cannot_be_read_ends_it(store: Store, tmp_path: Path, what: str) -> None:
    go_live(store, {"a": b"one"})
    app = tmp_path / "store" / "apps" / WEB
    if what == "record":
        (app / "records" / "1").chmod(0o644)
        (app / "records" / "1").write_bytes(b"else")
    elif what == "journal":
        (app / "journal").write_bytes(b"else")
    else:
        (app / "current").unlink()
        (app / "current").symlink_to("/somewhere/else")
    with pytest.raises((RelstoreError, OSError)):
        roots.find(store, {})


@pytest.mark.parametrize(
    "place",
    [
        "apps/Not An App",
        "apps/notes",
        "apps/web/records/1.bak",
        "apps/web/generations/old",
        "apps/web/pins/x~",
        "leases/a",
    ],
)
@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_is_no_root_by_its_name_ends_nothing(
    store: Store, tmp_path: Path, place: str, kind: str
) -> None:
    if place == "apps/notes" and kind == "directory":
        pytest.skip("that is an app without its parts")
    go_live(store, {"a": b"one"})
    before = roots.find(store, {})
    foreign = tmp_path / "store" / place
    if kind == "file":
        foreign.write_bytes(b"else")
    else:
        foreign.mkdir()
    after = roots.find(store, {})
    assert (after.roots.apps, after.leases) == (before.roots.apps, before.leases)


def test_where_processes_are_hidden_what_was_current_since_boot_may_run(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [go_live(store, {"a": b"%d" % number}) for number in range(4)]
    builds = [build_of(store, number) for number in numbers]
    seen = processes.builds_in_use()
    monkeypatch.setattr(roots, "builds_in_use", lambda: seen._replace(hidden=True))
    monkeypatch.setattr(roots, "_booted", lambda: NOW + 3600.0)  # its clock was an hour behind then
    assert roots.find(store, {}).roots.may_run == set(builds)
    monkeypatch.setattr(roots, "_booted", lambda: NOW + 2 * 24 * 3600.0)
    assert roots.find(store, {}).roots.may_run == set()
    monkeypatch.setattr(roots, "builds_in_use", lambda: seen._replace(hidden=False, closed=()))
    monkeypatch.setattr(roots, "_booted", lambda: 0.0)
    assert roots.find(store, {}).roots.may_run == set()


def test_a_closed_process_may_run_what_was_current_when_it_was_started(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for created in (NOW, NOW + 100, NOW + 200):
        go_live(store, {"a": b"%d" % created}, created=created)
    seen = processes.builds_in_use()
    monkeypatch.setattr(roots, "_booted", lambda: NOW - 1000.0)
    for command, expected in (
        (b"python3\0/data/web/apps/web/current/bin/web\0", {build_of(store, 2)}),
        (b"/srv/web/apps/other/current/bin/web\0", set()),
        (b"nginx: worker process", set()),
    ):
        closed = (processes.ClosedProcess(1150.0, command),)
        monkeypatch.setattr(
            roots, "builds_in_use", lambda closed=closed: seen._replace(hidden=False, closed=closed)
        )
        assert roots.find(store, {}).roots.may_run == expected


@pytest.mark.parametrize(
    ("times", "may_run"),
    [
        pytest.param((100, 200, 300, 400), [], id="in 1970, which no clock that is right says: all of them"),
        pytest.param((NOW, NOW + 1, 200, NOW + 2), [3], id="one in 1970, among others"),
        pytest.param(
            (NOW, NOW + 1, NOW - 9 * 24 * 3600, NOW + 2), [3], id="a clock that was set back meanwhile"
        ),
        pytest.param((NOW, 4_000_000_000, NOW + 1, NOW + 2), [2], id="one of a clock that was ahead"),
    ],
)
def test_where_processes_are_hidden_a_wrong_clock_hides_none(
    store: Store, monkeypatch: pytest.MonkeyPatch, times: tuple[int, ...], may_run: list[int]
) -> None:
    numbers = [go_live(store, {"a": b"%d" % number}, created=created) for number, created in enumerate(times)]
    seen = processes.builds_in_use()
    monkeypatch.setattr(roots, "builds_in_use", lambda: seen._replace(hidden=True))
    monkeypatch.setattr(roots, "_booted", lambda: NOW + 2 * 24 * 3600.0)
    expected = {build_of(store, number) for number in may_run or numbers}
    assert roots.find(store, {}).roots.may_run >= expected
    assert len(roots.find(store, {}).roots.may_run) <= len(expected) + 1  # and the one before it


def test_a_pin_that_cannot_be_read_is_named_and_no_other_app_is_concerned(store: Store) -> None:
    go_live(store, {"a": b"one"})
    go_live(store, {"a": b"one"}, name=AppName("other"))
    with store.app(WEB) as app:
        (Path(app.directory.path) / "pins" / "bad").write_text("three")
    damaged = roots.find(store, {}).roots.damaged_pins
    assert list(damaged) == [WEB]
    assert "the pin 'bad' of web does not hold the number of a generation" in damaged[WEB]
