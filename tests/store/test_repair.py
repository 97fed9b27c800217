"""Repairing a build: every damage is put right, what others have is used, and nothing is made worse."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from relstore.errors import ProtocolError
from relstore.store import damage, publish, refill, repair
from relstore.store.store import Store
from tests.support.host_side import (
    Artifact,
    Content,
    Link,
    Program,
    artifact,
    begin_upload,
    copy_store,
    need_strace,
    program,
    push_build,
    snapshot,
    strace,
)

TREE: dict[str, Content] = {
    "bin/run": Program(b"#!/bin/sh\n"),
    "etc/conf": b"port = 80\n",
    "etc/deep/er": b"deep\n",
    "link": Link("etc/conf"),
    "empty": b"",
}


@pytest.fixture
def tree(store: Store, top: Path) -> Path:
    """The tree of a build that is whole, and another build that shares nothing with it but one file."""
    push_build(store, {"other": b"deep\n"})
    return top / "builds" / push_build(store, TREE) / "tree"


def rot(path: Path) -> None:
    """Other bytes in the same inode, as a disk does it: in all trees and on the shelf at once."""
    mode = path.stat().st_mode
    path.chmod(0o600)
    path.write_bytes(b"x" * path.stat().st_size)
    path.chmod(mode)


def replace(path: Path) -> None:
    """Another file under the name, as a person does it: the object stays what it is."""
    path.unlink()
    path.write_bytes(b"by hand")


def put_right(store: Store, made: Artifact) -> list[str]:
    """Repair as a session does, by sending what nothing in the store has; what was wrong."""
    upload = begin_upload(store, made)
    survey = publish.survey(upload)
    for index in refill.refill(upload, survey.damaged):
        upload.put(index, 0, made.data[upload.contents[index].blake3])
    restored = repair.restore(upload, survey._replace(damaged=[]))
    restored.check()
    upload.close(done=True)
    return [
        f"{finding.path.partition('/tree/')[2] or finding.path}: {finding.problem}"
        for finding in restored.repaired
    ]


def _directory_for_file(path: Path) -> None:
    path.unlink()
    (path / "inside").mkdir(parents=True)


def _file_for_directory(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("no directory")


def _link_for_directory(path: Path) -> None:
    shutil.rmtree(path)
    path.symlink_to("/etc")


@pytest.mark.parametrize(
    ("name", "break_it", "problems"),
    [
        ("etc/conf", rot, ["etc/conf: has other bytes"]),
        ("etc/conf", replace, ["etc/conf: has the mode 0644; has 7 bytes instead of 10"]),
        ("etc/conf", os.unlink, ["etc/conf: is missing"]),
        ("etc/conf", lambda path: path.chmod(0o666), ["etc/conf: has the mode 0666"]),
        ("etc/conf", _directory_for_file, ["etc/conf: should be a regular file and is a directory"]),
        ("bin/run", rot, ["bin/run: has other bytes"]),
        ("empty", lambda path: path.chmod(0o644), ["empty: has the mode 0644"]),
        ("empty", os.unlink, ["empty: is missing"]),
        ("link", os.unlink, ["link: is missing"]),
        ("link", replace, ["link: should be a symlink and is a regular file"]),
        ("etc", lambda path: path.chmod(0o700), ["etc: has the mode 0700"]),
        ("etc/deep", shutil.rmtree, ["etc/deep: is missing", "etc/deep/er: is missing"]),
        (
            "etc/deep",
            _file_for_directory,
            ["etc/deep: should be a directory and is a regular file", "etc/deep/er: is missing"],
        ),
        (
            "etc/deep",
            _link_for_directory,
            ["etc/deep: should be a directory and is a symlink to '/etc'", "etc/deep/er: is missing"],
        ),
    ],
)
def test_each_damage_is_put_right(
    store: Store, tree: Path, name: str, break_it: Callable[[Path], None], problems: list[str]
) -> None:
    made = artifact(TREE)
    before = os.listdir("/etc")
    break_it(tree / name)
    damage.mark(store, made.build)
    assert put_right(store, made) == problems
    assert store.builds.check(made.build) == []
    assert not damage.is_marked(store, made.build)
    assert os.listdir("/etc") == before
    assert put_right(store, made) == []


def test_a_manifest_that_was_changed_comes_back(store: Store, tree: Path) -> None:
    made = artifact(TREE)
    rot(tree.parent / "manifest")
    assert put_right(store, made) == [f"builds/{made.build}/manifest: was not what its name says"]
    assert store.builds.check(made.build) == []


def test_what_was_wrong_is_kept(store: Store, tree: Path, top: Path) -> None:
    rot(tree / "etc/conf")
    put_right(store, artifact(TREE))
    (kept,) = (top / "quarantine").iterdir()
    assert kept.name.endswith(".conf")
    assert kept.read_bytes() == b"x" * 10


def test_another_copy_in_the_store_serves(store: Store, tree: Path) -> None:
    """The shelf and this tree share a rotten file; the other build has one of its own."""
    other = push_build(store, {"other": b"deep\n", "more": b"port = 80\n"})
    copy = tree.parent.parent / other / "tree" / "more"
    copy.unlink()
    copy.write_bytes(b"port = 80\n")
    copy.chmod(0o444)
    rot(tree / "etc/conf")
    upload = begin_upload(store, artifact(TREE))
    survey = publish.survey(upload)
    assert len(survey.damaged) == 1
    assert refill.refill(upload, survey.damaged) == []
    repair.restore(upload, survey._replace(damaged=[]))
    upload.close(done=True)
    assert store.builds.check(artifact(TREE).build) == []


def test_without_a_sound_copy_nothing_is_touched(store: Store, tree: Path, top: Path) -> None:
    rot(tree / "etc/conf")
    before = snapshot(top)
    upload = begin_upload(store, artifact(TREE))
    survey = publish.survey(upload)
    assert refill.refill(upload, survey.damaged) == survey.damaged
    with pytest.raises(ProtocolError, match="was never sent"):
        repair.restore(upload, survey._replace(damaged=[]))
    upload.close(done=True)
    assert snapshot(top) == before


def test_who_reads_meanwhile_finds_old_or_new(store: Store, tree: Path) -> None:
    with open(tree / "etc/conf", "rb") as reader:
        rot(tree / "etc/conf")
        put_right(store, artifact(TREE))
        assert reader.read() == b"x" * 10
    assert (tree / "etc/conf").read_bytes() == b"port = 80\n"


RESTORE = """
from relstore.store import publish, repair
from relstore.formats.manifest import Manifest
from relstore.formats.names import Digest
from relstore.store.store import Store
from relstore.store.upload import Upload
from pathlib import Path
with Store.open(sys.argv[1]) as store:
    raw = Path(sys.argv[2]).read_bytes()
    upload = Upload.begin(store, Digest(sys.argv[3]), raw, Manifest.parse(raw))
    survey = publish.survey(upload)
    for index in survey.damaged:
        upload.discard(index)
        upload.put(index, 0, b"port = 80\\n")
    repair.restore(upload, survey._replace(damaged=[]))
    upload.close(done=True)
"""
CALLS = (
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "fsync",
    "syncfs",
    "mkdir",
)


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_killed_before_each_call(store: Store, tree: Path, top: Path, tmp_path: Path, call: str) -> None:
    """Nothing is worse than before, and the next repair ends well."""
    need_strace()
    made = artifact(TREE)
    rot(tree / "etc/conf")
    shutil.rmtree(tree / "etc/deep")
    (tree / "new").write_text("added")
    damage.mark(store, made.build)
    manifest = tmp_path / "manifest"
    manifest.write_bytes(made.raw)
    wrong = {finding.path for finding in store.builds.check(made.build)} | {
        f"builds/{made.build}/tree/etc/deep/er"
    }
    for number in range(1, 100):
        copy = copy_store(top, tmp_path / "copy")
        words = [
            *strace(call, f"signal=KILL:when={number}"),
            *program(RESTORE, copy, manifest, made.build),
        ]
        ended = subprocess.run(words, capture_output=True, text=True)
        if "Invalid" in ended.stderr or "unknown" in ended.stderr:
            pytest.skip(f"no call {call} on this machine")
        with Store.open(str(copy)) as there:
            left = {finding.path for finding in there.builds.check(made.build)}
            assert left <= wrong
            assert not left or damage.is_marked(there, made.build)
            put_right(there, made)
            assert there.builds.check(made.build) == []
            assert not damage.is_marked(there, made.build)
        if ended.returncode == 0:
            break
    else:
        pytest.fail("the repair never got through")


@pytest.mark.parametrize(
    ("name", "break_it", "problems"),
    [
        (
            "etc/conf",
            lambda path: (rot(path), path.chmod(0o666)),
            ["etc/conf: has the mode 0666; has other bytes"],
        ),
        (
            "bin/run",
            lambda path: (rot(path), path.chmod(0o4755)),
            ["bin/run: has the mode 4755; has other bytes"],
        ),
        (
            "link",
            lambda path: (path.unlink(), path.symlink_to("/etc/shadow")),
            ["link: points to '/etc/shadow' instead of 'etc/conf'"],
        ),
        (
            "link",
            lambda path: (path.unlink(), path.mkdir()),
            ["link: should be a symlink and is a directory"],
        ),
        (
            "etc/conf",
            lambda path: (path.unlink(), os.mkfifo(path)),
            ["etc/conf: should be a regular file and is a device, a socket or a FIFO"],
        ),
        (
            "etc",
            lambda path: ((path / "conf").unlink(), path.chmod(0o777)),
            ["etc: has the mode 0777", "etc/conf: is missing"],
        ),
        (".", lambda path: path.chmod(0o777), ["{tree}: has the mode 0777"]),
        (
            ".",
            _file_for_directory,
            [
                "{tree}: should be a directory and is a regular file",
                *(f"{path}: is missing" for path in ("bin", "empty", "etc", "link")),
                "bin/run: is missing",
                "etc/conf: is missing",
                "etc/deep: is missing",
                "etc/deep/er: is missing",
            ],
        ),
    ],
)
def test_everything_that_is_wrong_with_an_entry_is_said_and_put_right(
    store: Store, tree: Path, name: str, break_it: Callable[[Path], None], problems: list[str]
) -> None:
    made = artifact(TREE)
    break_it(tree if name == "." else tree / name)
    assert put_right(store, made) == [
        problem.format(tree=f"builds/{made.build}/tree") for problem in problems
    ]
    assert store.builds.check(made.build) == []


def test_a_manifest_that_became_a_directory_comes_back(store: Store, tree: Path) -> None:
    made = artifact(TREE)
    (tree.parent / "manifest").unlink()
    (tree.parent / "manifest").mkdir()
    (finding,) = store.builds.check(made.build)
    assert "is not a regular file" in finding.problem
    put_right(store, made)
    assert store.builds.check(made.build) == []


def test_a_build_that_became_a_file_is_said_to_be_damaged(store: Store, tree: Path) -> None:
    made = artifact(TREE)
    shutil.rmtree(tree.parent)
    tree.parent.write_text("")
    (finding,) = store.builds.check(made.build)
    assert finding.problem.endswith("cannot be read: Not a directory")


def test_the_object_serves_whatever_its_mode_is(store: Store, tree: Path, top: Path) -> None:
    """The tree has lost the file, and somebody changed the mode of the object."""
    made = artifact({**TREE, "alone": b"only here"})
    push_build(store, {**TREE, "alone": b"only here"})
    (name,) = (name for name, data in made.data.items() if data == b"only here")
    (top / "builds" / made.build / "tree/alone").unlink()
    (top / "objects" / name[:2] / name).chmod(0o600)
    upload = begin_upload(store, made)
    survey = publish.survey(upload)
    assert len(survey.damaged) == 1
    assert refill.refill(upload, survey.damaged) == []
    upload.close(done=True)


def test_an_executable_twin_serves(store: Store, tree: Path, top: Path) -> None:
    twin = push_build(store, {"run": Program(b"port = 80\n")})
    assert store.builds.has(twin)
    rot(tree / "etc/conf")
    made = artifact(TREE)
    upload = begin_upload(store, made)
    survey = publish.survey(upload)
    assert survey.damaged == []
    assert repair.restore(upload, survey).left == []
    upload.close(done=True)


def test_what_cannot_be_restored_stays_and_the_rest_is_repaired(store: Store, tree: Path, top: Path) -> None:
    made = artifact(TREE)
    rot(tree / "etc/conf")
    (tree / "etc/deep/er").unlink()
    (tree / "link").unlink()
    damage.mark(store, made.build)
    upload = begin_upload(store, made)
    survey = publish.survey(upload)
    left = refill.refill(upload, survey.damaged)
    restored = repair.restore(upload, survey._replace(damaged=left))
    upload.close(done=False)
    assert [finding.path.rpartition("/tree/")[2] for finding in restored.repaired] == ["link", "etc/deep/er"]
    assert restored.left == store.builds.check(made.build)
    assert [finding.path.rpartition("/tree/")[2] for finding in restored.left] == ["etc/conf"]
    assert damage.is_marked(store, made.build)
    assert not (top / "quarantine").exists()  # what stays is not set aside
