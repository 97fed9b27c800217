"""Files that are copies of their own: made whole, verified, repaired, counted and collected like the rest."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.errors import NoSpaceError
from relstore.gc.measure import measure
from relstore.gc.sweep import clear_shelf
from relstore.host.requests import checking, collecting
from relstore.protocol import Collect, Step
from relstore.store import damage, publish, reflink, room, upload
from relstore.store.store import Store
from tests.store.test_publish import PUBLISH
from tests.store.test_repair import rot
from tests.support.host_side import (
    Content,
    Copied,
    Program,
    artifact,
    begin_upload,
    build_of,
    copy_store,
    go_live,
    need_strace,
    program,
    push_build,
    strace,
)
from tests.support.host_state import problems

SERVER = b"\x7fELF server " * 100
TREE: dict[str, Content] = {
    "bin/server": Copied(SERVER, executable=True),
    "bin/twin": Program(SERVER),
    "lib/plain": Copied(b"plain"),
    "empty": b"",
}


@pytest.fixture
def build(store: Store, top: Path) -> Path:
    """The directory of a build with copies."""
    return top / "builds" / push_build(store, TREE)


def silent(step: Step) -> None:
    pass


def inode(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, status.st_nlink


def the_object(top: Path, build: Path, path: str) -> Path:
    """The object of a file of the build."""
    manifest = artifact(TREE).manifest
    ref = next(file.content for file in manifest.files() if file.path == path)
    return top / "objects" / ref.blake3[:2] / (ref.blake3 + (".x" if ref.executable else ""))


def test_it_has_an_inode_of_its_own_and_the_others_share_theirs(store: Store, top: Path, build: Path) -> None:
    server, twin = build / "tree/bin/server", build / "tree/bin/twin"
    assert server.read_bytes() == SERVER
    assert stat.S_IMODE(server.stat().st_mode) == 0o555
    assert server.stat().st_nlink == 1
    # The object, the twin, and the link that keeps the object where nothing else does.
    assert inode(twin) == (the_object(top, build, "bin/server").stat().st_ino, 3)
    assert (build / "tree/lib/plain").stat().st_nlink == 1
    assert the_object(top, build, "lib/plain").stat().st_nlink == 2
    assert server.stat().st_mtime_ns == twin.stat().st_mtime_ns
    assert store.builds.survey(artifact(TREE).build) == []
    assert problems(top) == []


def test_the_same_content_without_a_copy_is_another_build(store: Store, top: Path, build: Path) -> None:
    """Both are there, each as it was asked for, and nothing is sent for the second."""
    plain = artifact({**TREE, "bin/server": Program(SERVER), "lib/plain": b"plain"})
    upload = begin_upload(store, plain)
    assert upload.missing() == []
    publish.publish(upload, publish.survey(upload))
    upload.close(done=True)
    assert plain.build != artifact(TREE).build
    assert (top / "builds" / plain.build / "tree/bin/server").stat().st_nlink > 1
    assert not (top / "builds" / plain.build / "originals").exists()
    assert (build / "tree/bin/server").stat().st_nlink == 1


@pytest.mark.parametrize("path", ["bin/server", "lib/plain"])
def test_a_copy_that_rotted_is_repaired_from_its_object(store: Store, build: Path, path: str) -> None:
    good = (build / "tree" / path).read_bytes()
    rot(build / "tree" / path)
    (finding,) = checking.verify(store, silent, fix=True).findings
    assert (finding.problem, finding.repaired) == ("has other bytes", True)
    assert (build / "tree" / path).read_bytes() == good
    assert (build / "tree" / path).stat().st_nlink == 1
    assert store.builds.survey(artifact(TREE).build) == []


def test_an_object_that_rotted_is_repaired_from_its_copy(store: Store, top: Path, build: Path) -> None:
    """The tree is what it should be, so the build may still be activated."""
    made = artifact(TREE)
    rot(the_object(top, build, "lib/plain"))
    assert store.builds.check(made.build) == []
    (finding,) = checking.verify(store, silent, fix=True).findings
    assert "/originals/" in finding.path
    assert (finding.problem, finding.repaired) == ("has other bytes", True)
    assert the_object(top, build, "lib/plain").read_bytes() == b"plain"
    assert the_object(top, build, "lib/plain").stat().st_nlink == 2
    assert not damage.is_marked(store, made.build)


def test_a_link_in_the_place_of_a_copy_is_damage(store: Store, top: Path, build: Path) -> None:
    place = build / "tree/bin/server"
    place.unlink()
    os.link(the_object(top, build, "bin/server"), place)
    (finding,) = checking.verify(store, silent, fix=True).findings
    assert (finding.problem, finding.repaired) == ("has 4 links and should be a copy of its own", True)
    assert place.stat().st_nlink == 1
    assert problems(top) == []


def test_originals_that_are_gone_are_made_again(store: Store, top: Path, build: Path) -> None:
    (build / "originals").rename(top.parent / "elsewhere")
    (finding,) = checking.verify(store, silent, fix=True).findings
    assert (finding.path[-10:], finding.problem, finding.repaired) == ("/originals", "is missing", True)
    assert store.builds.survey(artifact(TREE).build) == []
    assert len(list((build / "originals").iterdir())) == 2


def test_the_object_of_a_copy_is_kept_while_its_build_is(store: Store, top: Path, build: Path) -> None:
    """Else the next release would have to send it again, and have no base for a difference."""
    clear_shelf(store)
    assert the_object(top, build, "lib/plain").exists()
    upload = begin_upload(store, artifact({"other": b"plain"}))
    assert upload.missing() == []
    upload.close(done=True)


def test_a_collection_frees_what_was_measured(store: Store, top: Path) -> None:
    go_live(store, TREE)
    go_live(store, {"lib/plain": b"plain"})
    dead = build_of(store, 1)
    measured = measure(store, [dead], ())
    manifest = len(artifact(TREE).raw)
    assert measured.by_build == {dead: manifest + 2 * len(SERVER) + len(b"plain")}
    assert measured.objects == 1  # the other one is in use
    collecting.collect(store, Collect(None, None, None, "me", False))
    assert store.builds.has(dead)  # no policy


def test_it_counts_for_the_size_that_an_app_may_have(store: Store) -> None:
    for number in range(3):
        go_live(store, {"same": Copied(b"x" * 1000), "version": b"%d" % number})
    sizes = collecting.sizes(store, build_of(store, 1))
    assert sum(sizes.values()) == 2001
    shared = collecting.sizes(store, build_of(store, 2)).keys() & sizes.keys()
    assert len(shared) == 1  # the object, and no copy


@pytest.mark.parametrize(("clones", "fits"), [(False, False), (True, True)])
def test_it_needs_room_unless_it_is_a_clone(
    store: Store, monkeypatch: pytest.MonkeyPatch, clones: bool, fits: bool
) -> None:
    push_build(store, {"object": b"x" * 1000})
    monkeypatch.setattr(room, "free", lambda root: (room.RESERVE_BYTES + 999, None))
    monkeypatch.setattr(upload, "can_clone", lambda directory: clones)
    begun = begin_upload(store, artifact({"copy": Copied(b"x" * 1000)}))
    try:
        if fits:
            assert begun.missing() == []
        else:
            with pytest.raises(NoSpaceError):
                begun.missing()
    finally:
        begun.close(done=True)


def test_a_damaged_object_never_becomes_a_copy(store: Store, top: Path) -> None:
    """It was sound when the upload was surveyed."""
    push_build(store, {"object": b"plain"})
    made = artifact({"copy": Copied(b"plain")})
    begun = begin_upload(store, made)
    survey = publish.survey(begun)
    (file,) = (path for path in (top / "objects").rglob("*") if path.is_file())
    rot(file)
    with pytest.raises(OSError, match="not what its name says"):
        publish.publish(begun, survey)
    begun.close(done=True)
    assert not store.builds.has(made.build)


@pytest.fixture(params=["btrfs", "xfs"])
def cloning(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system that can make clones."""
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    try:
        subprocess.run(["truncate", "-s", "320M", image], check=True)
        subprocess.run([f"mkfs.{request.param}", "-q", image], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, place], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no {request.param} can be made and mounted here: {error}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_it_takes_no_room_where_the_file_system_makes_clones(cloning: Path) -> None:
    with Store.open(str(cloning / "store"), create=True) as store:
        assert reflink.can_clone(store.root)
        data = os.urandom(24 << 20)
        push_build(store, {"object": data})
        os.sync()
        before, _ = room.free(store.root)
        made = push_build(store, {"copy": Copied(data)})
        os.sync()
        after, _ = room.free(store.root)
        assert before - after < 4 << 20
        assert store.builds.survey(made) == []
        assert (cloning / "store/builds" / made / "tree/copy").stat().st_nlink == 1


def test_where_it_makes_none_nothing_is_left_of_the_trial(store: Store, top: Path) -> None:
    before = sorted(os.listdir(top))
    reflink.can_clone(store.root)
    assert sorted(os.listdir(top)) == before


CALLS = ("write", "fchmod", "utimensat", "linkat", "renameat", "rename", "unlinkat", "syncfs", "ioctl")


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_killed_before_each_step_it_leaves_nothing_half_named(call: str, tmp_path: Path) -> None:
    need_strace()
    made = artifact(TREE)
    (tmp_path / "manifest").write_bytes(made.raw)
    (tmp_path / "data").mkdir()
    for name, data in made.data.items():
        (tmp_path / "data" / name).write_bytes(data)
    with Store.open(str(tmp_path / "before"), create=True) as store:
        push_build(store, {"lib/plain": b"plain"})
    for when in range(1, 100):
        top = copy_store(tmp_path / "before", tmp_path / "store")
        command = program(PUBLISH, top, tmp_path / "manifest", made.build, tmp_path / "data")
        done = subprocess.run(
            [*strace(call, f"signal=KILL:when={when}"), *command],
            check=False,
            timeout=60,
            capture_output=True,
        )
        with Store.open(str(top)) as store:
            assert checking.verify(store, silent, fix=False).findings == []
            push_build(store, TREE)
            assert store.builds.survey(made.build) == []
        if done.returncode == 0:
            return
        assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), done.stderr
    pytest.fail("it never got to its end")
