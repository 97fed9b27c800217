"""Publishing, and a kill before each step of it: what has a name is whole, and the next push succeeds."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from relstore.errors import ProtocolError
from relstore.store import publish
from relstore.store.store import Store
from relstore.store.verify import Checker
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
    strace,
)

TREE: dict[str, Content] = {
    "bin/run": Program(b"#!/bin/sh\n"),
    "same": b"#!/bin/sh\n",
    "etc/conf": b"port = 80\n",
    "link": Link("etc/conf"),
    "empty": b"",
}


def findings(store: Store) -> list[object]:
    checker = Checker(store)
    found: list[object] = [one for build in store.builds.ids() for one in checker.build(build)]
    return [*found, *checker.apps(), *checker.objects()]


def test_identical_builds_are_published_once(store: Store, top: Path) -> None:
    build = push_build(store, TREE)
    inode = (top / "builds" / build).stat().st_ino
    made = artifact(TREE)
    upload = begin_upload(store, made)
    publish.publish(upload, publish.survey(upload))
    upload.close(done=True)
    assert (top / "builds" / build).stat().st_ino == inode
    assert findings(store) == []


def test_what_was_never_sent_is_not_published(store: Store) -> None:
    upload = begin_upload(store, artifact(TREE))
    with pytest.raises(ProtocolError, match="was never sent"):
        publish.publish(upload, publish.Survey(frozenset(), []))
    upload.close(done=True)
    assert store.builds.ids() == []
    assert findings(store) == []


def _rot(top: Path, made: Artifact, which: int) -> None:
    ref = made.manifest.objects()[which]
    path = top / "objects" / ref.blake3[:2] / (ref.blake3 + (".x" if ref.executable else ""))
    path.chmod(0o644)
    path.write_bytes(b"x" * ref.size)
    path.chmod(0o555 if ref.executable else 0o444)


def test_a_rotten_object_is_sent_anew_instead_of_used(store: Store, top: Path) -> None:
    push_build(store, {"other": b"port = 80\n"})
    _rot(top, artifact({"other": b"port = 80\n"}), 0)
    made = artifact(TREE)
    upload = begin_upload(store, made)
    for item in upload.missing():
        upload.put(item.content, 0, made.data[upload.contents[item.content].blake3])
    damaged = publish.survey(upload).damaged
    assert [made.data[upload.contents[index].blake3] for index in damaged] == [b"port = 80\n"]
    for index in damaged:
        upload.put(index, 0, made.data[upload.contents[index].blake3])
    surveyed = publish.survey(upload)
    assert surveyed.damaged == []
    publish.publish(upload, surveyed)
    upload.close(done=True)
    assert store.builds.check(made.build) == []


PUBLISH = """
from relstore.store import publish
from relstore.formats.manifest import Manifest
from relstore.formats.names import Digest
from relstore.store.store import Store
from relstore.store.upload import Upload
from pathlib import Path
with Store.open(sys.argv[1]) as store:
    raw = Path(sys.argv[2]).read_bytes()
    upload = Upload.begin(store, Digest(sys.argv[3]), raw, Manifest.parse(raw))
    for item in upload.missing():
        data = Path(sys.argv[4], upload.contents[item.content].blake3).read_bytes()
        upload.put(item.content, item.offset, data[item.offset:])
    publish.publish(upload, publish.survey(upload))
    upload.close(done=True)
"""
CALLS = ("fsync", "fchmod", "linkat", "mkdirat", "symlinkat", "renameat", "unlinkat", "syncfs", "flock")


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
        push_build(store, {"etc/conf": b"port = 80\n"})
    killed = 0
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
            assert findings(store) == []
            push_build(store, TREE)
            assert findings(store) == []
            assert store.builds.has(made.build)
        if done.returncode == 0:
            break
        assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), done.stderr
        killed += 1
    else:
        pytest.fail("it never got to its end")
    assert killed > 0 or call == "syncfs"
    assert not os.path.exists(tmp_path / "store/staging" / made.build)
