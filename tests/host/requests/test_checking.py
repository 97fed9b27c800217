"""Checking and repairing a store over the wire: marks, what a client may add, and going on after a break."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from relstore import protocol
from relstore.formats.names import Digest
from relstore.host.helpers import Bundle
from relstore.host.requests import checking
from relstore.protocol import DamagedBuild, FindingOut, Step
from relstore.store import damage, publish
from relstore.store.app import App
from relstore.store.store import Store
from tests.support.conversation import talk
from tests.support.host_side import (
    WEB,
    Artifact,
    artifact,
    begin_upload,
    build_of,
    go_live,
    push_build,
    snapshot,
)

TWO = {"version": b"2", "shared": b"in both"}


def nobody(step: Step) -> None:
    pass


def rot(top: Path, build: Digest, path: str) -> Path:
    """Other bytes in the same inode."""
    file = top / "builds" / build / "tree" / path
    mode = file.stat().st_mode
    file.chmod(0o600)
    file.write_bytes(b"x" * file.stat().st_size)
    file.chmod(mode)
    return file


def replace(top: Path, build: Digest, path: str) -> Path:
    """Another file of the right mode under the name."""
    file = top / "builds" / build / "tree" / path
    file.unlink()
    file.write_bytes(b"y")
    file.chmod(0o444)
    return file


def test_a_sound_store_is_not_touched(store: Store, app: App, top: Path) -> None:
    before = snapshot(top)
    report = checking.verify(store, nobody, fix=True)
    assert report.findings == []
    assert report.verified == protocol.Verified(2, 2, 3, 9, ())
    assert snapshot(top) == before


def test_what_is_damaged_is_marked_until_it_is_whole(store: Store, app: App, top: Path) -> None:
    build = build_of(store, 1)
    file = rot(top, build, "version")
    for _ in range(2):
        report = checking.verify(store, nobody, fix=False)
        assert report.findings == [
            FindingOut(f"builds/{build}/tree/version", "has other bytes", False),
        ]
        assert report.verified.damaged == (DamagedBuild(build, WEB, 1),)
        assert damage.is_marked(store, build)
    file.chmod(0o600)
    file.write_bytes(b"1")
    file.chmod(0o444)
    assert checking.verify(store, nobody, fix=False).findings == []
    assert not damage.is_marked(store, build)


def test_repaired_with_what_the_store_has(store: Store, app: App, top: Path) -> None:
    build = build_of(store, 1)
    replace(top, build, "version")  # the shelf still has it
    report = checking.verify(store, nobody, fix=True)
    assert [(finding.problem, finding.repaired) for finding in report.findings] == [("has other bytes", True)]
    assert report.verified.damaged == ()
    assert checking.verify(store, nobody, fix=False).findings == []


def test_several_builds_that_share_what_is_rotten(store: Store, app: App, top: Path) -> None:
    one, two = build_of(store, 1), build_of(store, 2)
    rot(top, one, "shared")
    report = checking.verify(store, nobody, fix=True)
    assert {(damaged.build, damaged.generation) for damaged in report.verified.damaged} == {
        (one, 1),
        (two, 2),
    }
    upload = begin_upload(store, artifact({"elsewhere": b"in both"}))
    (index,) = publish.survey(upload).damaged
    upload.put(index, 0, b"in both")  # for another build, and so it is on the shelf again
    publish.publish(upload, publish.survey(upload))
    upload.close(done=True)
    report = checking.verify(store, nobody, fix=True)
    assert [finding.repaired for finding in report.findings] == [True, True]
    assert checking.verify(store, nobody, fix=False).findings == []


def test_links_and_the_shelf(store: Store, app: App, top: Path) -> None:
    links = top / "apps/web/generations"
    (links / "1").unlink()
    (links / "1").symlink_to("/etc")
    (links / "2").unlink()
    (links / "2").symlink_to(f"../../../builds/{build_of(store, 1)}/tree")
    (top / "apps/web/current").unlink()
    (top / "apps/web/current").symlink_to("generations/2")
    (top / "objects/ab").mkdir(exist_ok=True)
    (top / "objects/ab/notes").write_text("mine")
    report = checking.verify(store, nobody, fix=True)
    assert len(report.findings) == 3
    assert all(finding.repaired for finding in report.findings)
    assert (links / "2" / "version").read_bytes() == b"2"
    assert [path.read_text() for path in (top / "quarantine").iterdir()] == ["mine"]


def test_what_nobody_can_repair_is_said(store: Store, app: App, top: Path) -> None:
    (top / "apps/web/current").unlink()
    (top / "apps/web/current").symlink_to("/srv/other")
    (finding,) = checking.verify(store, nobody, fix=True).findings
    assert not finding.repaired
    assert "not a generation" in finding.problem


def test_a_build_that_no_generation_needs(store: Store, top: Path) -> None:
    build = push_build(store, {"alone": b"1"})
    rot(top, build, "alone")
    assert checking.verify(store, nobody, fix=True).verified.damaged == (DamagedBuild(build, None, 0),)


def test_it_goes_on_where_it_broke_off(
    store: Store, app: App, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found damaged before the break is looked at again; the rest before it is not."""
    monkeypatch.setattr(checking, "_NOTE_EVERY_S", 0.0)
    go_live(store, {"version": b"3"})
    ids = store.builds.ids()
    rot(top, ids[0], "version")

    def breaks_off(step: Step) -> None:
        if step.done == 2:
            raise ConnectionError("the client is gone")

    with pytest.raises(ConnectionError):
        checking.verify(store, breaks_off, fix=False)
    replace(top, ids[1], "version")
    report = checking.verify(store, nobody, fix=False)
    assert [finding.path for finding in report.findings] == [f"builds/{ids[0]}/tree/version"]
    # That one came to its end, so that the next begins anew.
    report = checking.verify(store, nobody, fix=False)
    assert len(report.findings) == 2
    assert report.verified.builds == 3


@pytest.mark.parametrize("state", [b"", b"\x93", bytes(range(255, 155, -1)), b"x" * 1000])
def test_a_state_that_cannot_be_read_begins_anew(store: Store, app: App, top: Path, state: bytes) -> None:
    (top / "verify").write_bytes(state)
    assert checking.verify(store, nobody, fix=False).verified.builds == 2


def compare(made: Artifact) -> tuple[Any, ...]:
    return protocol.Compare(WEB, made.build, False), made.raw


def test_a_client_adds_what_is_missing(store: Store, app: App, top: Path, bundle: Bundle) -> None:
    made = artifact(TWO)
    rot(top, made.build, "version")
    verify = talk(top, bundle, protocol.Verify(True))
    assert verify.last.damaged == (DamagedBuild(made.build, WEB, 2),)
    asked = talk(top, bundle, compare(made))
    assert asked.last.found.damaged
    (wanted,) = asked.rows(protocol.Wanted)
    assert wanted.bases == ()  # it would be its own
    name = [ref.blake3 for ref in made.manifest.objects()][wanted.content]
    stream = protocol.Open("raw", None, (protocol.Segment(wanted.content, 0, 1),))
    sent = talk(
        top,
        bundle,
        compare(made),
        protocol.Begin(),
        stream,
        (protocol.Put(), made.data[name]),
        protocol.Restore(),
    )
    assert sent.last == protocol.Published(0, (), b"", 1)
    assert not talk(top, bundle, compare(made)).last.found.damaged
    assert checking.verify(store, nobody, fix=False).findings == []


def test_a_client_that_lacks_a_content_restores_the_rest_and_goes_on(
    store: Store, top: Path, bundle: Bundle
) -> None:
    """Two damaged builds in one session, of each of which the client has only some contents."""
    trees = [{"a": b"1", "b": b"2"}, {"a": b"3", "b": b"4"}]
    makes = [artifact(tree) for tree in trees]
    asked: list[Any] = []
    for number, tree in enumerate(trees):
        go_live(store, tree)
        rot(top, makes[number].build, "a")
        rot(top, makes[number].build, "b")
        damage.mark(store, makes[number].build)
        asked += [
            compare(makes[number]),
            protocol.Begin(),
            protocol.Open("raw", None, (protocol.Segment(0, 0, 1),)),
            (protocol.Put(), tree["a"]),
            protocol.Restore(),
        ]
    talked = talk(top, bundle, *asked)
    assert (talked.last.repaired, [again.content for again in talked.last.again]) == (1, [1])
    for made in makes:
        assert [finding.path[-2:] for finding in store.builds.check(made.build)] == ["/b"]
        assert damage.is_marked(store, made.build)


def test_all_that_is_repaired_and_all_that_is_left_is_said(store: Store, app: App, top: Path) -> None:
    """The directory is repaired, one of its files too, and the other has no sound copy."""
    build = push_build(store, {"etc/conf": b"port", "etc/own": b"alone", "same": b"port"})
    rot(top, build, "etc/own")
    shutil.rmtree(top / "builds" / build / "tree/etc")
    for file in (top / "objects").rglob("*"):
        if file.is_file() and file.read_bytes() == b"xxxxx":
            file.unlink()
    report = checking.verify(store, nobody, fix=True)
    assert [
        (finding.path.partition("/tree/")[2], finding.problem, finding.repaired)
        for finding in report.findings
    ] == [("etc", "is missing", True), ("etc/own", "is missing", False)]
    assert [damaged.build for damaged in report.verified.damaged] == [build]


def test_restoring_asks_for_what_did_not_come(store: Store, app: App, top: Path, bundle: Bundle) -> None:
    made = artifact(TWO)
    rot(top, made.build, "version")
    damage.mark(store, made.build)
    asked = talk(top, bundle, compare(made), protocol.Begin(), protocol.Restore())
    assert [again.why for again in asked.last.again] == ["its bytes in the store were damaged"]
    assert damage.is_marked(store, made.build)
