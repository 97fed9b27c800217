"""The sweep removes what the plan says and nothing else, and frees exactly what was measured."""

from __future__ import annotations

import errno
import os
import random
import shutil
import stat
from pathlib import Path

import pytest

from relstore.errors import RefusedError
from relstore.formats import journal
from relstore.formats.journal import EventKind
from relstore.formats.names import AppName
from relstore.formats.retention import Policy
from relstore.gc import roots, sweep, trash
from relstore.gc.measure import Measure, measure
from relstore.gc.plan import Plan, make_plan
from relstore.store import publish
from relstore.store.directory import Dir
from relstore.store.store import Store
from relstore.store.upload import Missing, Upload, lacking
from tests.support.host_side import (
    NOW,
    WEB,
    Content,
    Link,
    Program,
    artifact,
    begin_upload,
    build_of,
    go_live,
    outcomes,
    push_build,
    record,
    release,
)
from tests.support.host_state import problems

LAST = Policy(1, None)


def plan_for(store: Store, policy: Policy = LAST) -> Plan:
    policies = dict.fromkeys(store.app_names(), policy)
    return make_plan(roots.find(store, {}).roots, store.builds.ids(), policies, NOW, lambda build: {})


def collect(store: Store, policy: Policy = LAST) -> Measure:
    """Measure and sweep, as the host does."""
    plan = plan_for(store, policy)
    leased = sweep.leased_objects(roots.find(store, {}).leases.values())
    measured = measure(store, plan.dead_builds, leased)
    with store.exclusive():
        sweep.let_go(store, plan)
    trash.empty(store)
    sweep.clear_shelf(store)
    sweep.record(store, plan, "me@desk", NOW)
    return measured


def used(top: Path) -> tuple[int, int]:
    """(objects, bytes) of all regular files, hard links counted once."""
    found = {}
    for area in ("objects", "builds", "trash"):
        for directory, _, files in os.walk(top / area):
            for name in files:
                entry = os.lstat(os.path.join(directory, name))
                if stat.S_ISREG(entry.st_mode):
                    found[entry.st_ino] = entry.st_size
    shelf = sum(len(files) for _, _, files in os.walk(top / "objects"))
    return shelf, sum(found.values())


def collects_what_it_measured(store: Store, policy: Policy = LAST) -> Measure:
    top = Path(store.root.path)
    before = used(top)
    measured = collect(store, policy)
    after = used(top)
    assert (measured.objects, measured.bytes) == (before[0] - after[0], before[1] - after[1])
    assert sum(measured.by_build.values()) <= measured.bytes
    assert problems(top) == []
    return measured


# --- exactly what was measured ------------------------------------------------------------------


def test_nothing_to_remove(store: Store) -> None:
    go_live(store, {"a": b"one"})
    assert collects_what_it_measured(store) == (0, 0, {})


def one_of_everything(version: bytes) -> dict[str, Content]:
    return {
        "shared": b"in all of them",
        "own": b"only here " + version,
        "twice/own": b"only here " + version,
        "run": Program(b"only here " + version),
        "empty": b"",
        "empty-program": Program(b""),
        "nothing": None,
        "link": Link("own"),
    }


def test_one_of_everything(store: Store) -> None:
    for version in (b"1", b"2", b"3"):
        go_live(store, one_of_everything(version))
    first = build_of(store, 1)
    measured = collects_what_it_measured(store)
    assert measured.objects == 2
    assert measured.bytes == 2 * len(b"only here 1") + len(artifact(one_of_everything(b"1")).raw)
    assert measured.by_build == {first: measured.bytes}


def test_a_file_that_several_dead_builds_share_counts_once(store: Store) -> None:
    for version in (b"1", b"2", b"3", b"4"):
        go_live(
            store, {"old": b"shared by the first two" if version < b"3" else b"by the last", "own": version}
        )
    measured = collects_what_it_measured(store)
    assert measured.objects == 3


def test_objects_that_no_build_uses_go(store: Store, tmp_path: Path) -> None:
    """As a push that was cut off in the middle of its publishing leaves them."""
    go_live(store, {"a": b"one"})
    shutil.rmtree(
        tmp_path / "store" / "builds" / push_build(store, {"b": b"loose", "c": Program(b"loose too")})
    )
    measured = collects_what_it_measured(store)
    assert measured == (2, len(b"loose") + len(b"loose too"), {})


def take_over(directory: Path, content: bytes) -> None:
    """What is done where a file system has no more links to give: a copy takes over the object's name."""
    (name,) = artifact({"a": content}).data
    shelf = directory / "store" / "objects" / name[:2] / name
    shutil.copy2(shelf, directory / "copy")
    os.replace(directory / "copy", shelf)


def test_copies_beyond_the_limit_of_links(store: Store, tmp_path: Path) -> None:
    go_live(store, {"a": b"in many builds", "b": b"1"})
    go_live(store, {"a": b"in many builds", "b": b"2"})
    take_over(tmp_path, b"in many builds")
    go_live(store, {"a": b"in many builds", "b": b"3"})
    go_live(store, {"a": b"in many builds", "b": b"4"})
    measured = collects_what_it_measured(store)
    assert measured.objects == 2


def test_a_copy_of_which_one_build_has_the_only_link(store: Store, tmp_path: Path) -> None:
    go_live(store, {"a": b"taken over", "b": b"taken over"})
    take_over(tmp_path, b"taken over")
    go_live(store, {"a": b"2"})
    go_live(store, {"a": b"3"})
    measured = collects_what_it_measured(store)
    assert measured.objects == 1


@pytest.mark.parametrize("seed", range(12))
def test_any_history(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    pool = [bytes([65 + number]) * (number * 7) for number in range(8)]
    for _ in range(chance.randint(1, 8)):
        tree: dict[str, Content] = {
            f"{directory}{name}": chance.choice([Program(data), data, data])
            for directory in ("", "deep/")
            for name, data in enumerate(chance.sample(pool, chance.randint(0, 5)))
        }
        number = release(store, {**tree, "always": b"there"}, name=AppName(chance.choice(["web", "api"])))
        for name in store.app_names():
            with store.app(name) as app:
                if number in app.linked() and chance.random() < 0.7:
                    event: EventKind = chance.choice([journal.ACTIVE, journal.ACTIVE, journal.FAILED])
                    record(store, number, event, name=name)
    if chance.random() < 0.5:
        shutil.rmtree(f"{store.root.path}/builds/{push_build(store, {'loose': pool[-1] + b'!'})}")
    collects_what_it_measured(store, Policy(chance.randint(0, 3), None))
    collects_what_it_measured(store, Policy(0, None))


# --- what it leaves alone -------------------------------------------------------------------------


def test_all_that_an_upload_relies_on_stays_in_both_variants(store: Store) -> None:
    push_build(store, {"a": b"shared", "b": b"not"})
    push_build(store, {"a": Program(b"shared")})
    upload = begin_upload(store, artifact({"new": b"new", "old": b"shared"}))
    assert [item.content for item in upload.missing()] == [0]
    measured = collects_what_it_measured(store, Policy(0, None))
    assert measured.objects == 1
    upload.put(0, 0, b"new")
    publish.publish(upload, publish.survey(upload))
    upload.close(done=True)
    assert problems(Path(store.root.path)) == []


def test_staging_and_leases_are_not_its_business(store: Store, tmp_path: Path) -> None:
    upload = begin_upload(store, artifact({"a": b"half of it"}))
    upload.put(0, 0, b"half")
    collect(store)
    assert (tmp_path / "store" / "staging" / upload.build).is_dir()
    upload.put(0, 4, b" of it")
    upload.close(done=True)


def test_records_stay_and_the_journal_tells(store: Store) -> None:
    for text in (b"1", b"2", b"3"):
        go_live(store, {"a": text})
    collect(store)
    with store.app(WEB) as app:
        assert [found.number for found in app.generations()] == [1, 2, 3]
        assert app.linked() == [2, 3]
        assert outcomes(app)[-1] == (journal.DELETED, 1)
        assert app.events()[-1].reason == "beyond the last 1 good ones"
        assert [row.state for row in app.rows()] == ["deleted", "good", "current"]


def test_what_an_interrupted_sweep_left_in_the_trash_goes(store: Store, tmp_path: Path) -> None:
    go_live(store, {"a": b"1"})
    left = tmp_path / "store" / "trash" / f"{build_of(store, 1)}.0123abcd" / "tree"
    left.mkdir(parents=True)
    (left / "a").write_bytes(b"1")
    collect(store)
    assert list((tmp_path / "store" / "trash").iterdir()) == []


def test_a_link_that_was_moved_by_hand_meanwhile_stops_it(store: Store, tmp_path: Path) -> None:
    for text in (b"1", b"2", b"3"):
        go_live(store, {"a": text})
    plan = plan_for(store)
    with store.app(WEB) as app:
        app.switch(1)
    with store.exclusive(), pytest.raises(RefusedError, match="generation 1 of web became current"):
        sweep.let_go(store, plan)
    assert len(store.builds.ids()) == 3
    assert (tmp_path / "store" / "apps" / WEB / "current" / "a").read_bytes() == b"1"


def test_a_second_sweep_finds_nothing(store: Store) -> None:
    for text in (b"1", b"2", b"3"):
        go_live(store, {"a": text})
    assert collect(store).bytes > 0
    with store.app(WEB) as app:
        before = app.events()
    assert collect(store) == (0, 0, {})
    with store.app(WEB) as app:
        assert app.events() == before


def test_what_only_stale_staging_links_to_is_counted_and_goes(store: Store, tmp_path: Path) -> None:
    """An upload that died while its tree was made: the shelf has objects that its tree links to."""
    upload = begin_upload(store, artifact({"a": b"staged"}))
    upload.put(0, 0, b"staged")
    publish.publish(upload, publish.survey(upload))
    upload.close(done=False)
    staged = tmp_path / "store" / "staging" / upload.build
    (staged / "build").mkdir(parents=True)
    (tmp_path / "store" / "builds" / upload.build / "tree" / "a").rename(staged / "build" / "a")
    shutil.rmtree(tmp_path / "store" / "builds" / upload.build)
    with store.exclusive():
        plan = plan_for(store)
        assert measure(store, plan.dead_builds, frozenset()).objects == 0
        assert measure(store, plan.dead_builds, frozenset(), [upload.build]) == Measure(1, 6, {})
        store.staging.remove_tree(upload.build)
        sweep.let_go(store, plan)
    sweep.clear_shelf(store)
    assert used(tmp_path / "store") == (0, 0)


# --- what happens between the slices --------------------------------------------------------------


def test_an_upload_that_begins_between_two_slices_keeps_what_it_relies_on(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And neither it nor a reader waits for the collection to end."""
    loose = {f"file-{number}": b"%d" % number for number in range(40)}
    shutil.rmtree(tmp_path / "store" / "builds" / push_build(store, loose))
    _, first = next(store.objects.refs())
    made = artifact(loose)
    uploads = []

    def between(seconds: float) -> None:
        if not uploads:
            with Store.open(store.root.path) as another:
                uploads.append(begin_upload(another, made))

    monkeypatch.setattr(sweep.time, "sleep", between)
    monkeypatch.setattr(sweep, "_SLICE_S", -1.0)  # an object a slice
    sweep.clear_shelf(store)
    (upload,) = uploads
    assert [upload.contents[item.content].blake3 for item in lacking_of(store, upload)] == [first]
    upload.directory.close()


def lacking_of(store: Store, upload: Upload) -> list[Missing]:
    return lacking(store.objects.has_any, upload.contents, None)


def test_a_lease_is_read_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        push_build(store, {"file": b"%d" % number})
    upload = begin_upload(store, artifact({"new": b"new"}))
    parsed = []
    parse = sweep.leased_objects
    monkeypatch.setattr(sweep, "leased_objects", lambda raw: parsed.append(raw) or parse(raw))
    sweep.clear_shelf(store)
    assert len(parsed) == 1
    upload.close(done=True)


def test_a_trash_that_cannot_grow_is_emptied_first(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk, where a directory gets no further block."""
    builds = [push_build(store, {"file": b"%d" % number}) for number in range(5)]
    rename = Dir.rename

    def full(self: Dir, name: str, to: Dir, new: str) -> None:
        if to is store.trash and len(store.trash.all_names()) == 2:
            raise OSError(errno.ENOSPC, "full")
        rename(self, name, to, new)

    monkeypatch.setattr(Dir, "rename", full)
    with store.exclusive():
        for build in builds:
            trash.put(store, store.builds.directory, build)
    assert store.builds.ids() == []
    assert len(store.trash.all_names()) == 1
