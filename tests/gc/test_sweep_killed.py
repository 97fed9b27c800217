"""P5 for the collector: killed before any of its calls that change something, nothing is lost or in the way."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from relstore.formats import journal
from relstore.formats.retention import Policy
from relstore.host.requests import collecting
from relstore.protocol import Collect
from relstore.store.store import Store
from tests.support.host_side import (
    WEB,
    Program,
    artifact,
    begin_upload,
    build_of,
    copy_store,
    go_live,
    need_strace,
    outcomes,
    program,
    push_build,
    record,
    release,
    strace,
)
from tests.support.host_state import problems

pytestmark = pytest.mark.slow

CALLS = ("unlink", "unlinkat", "rename", "renameat", "renameat2", "rmdir", "write", "ftruncate", "fsync")
KEEP_ONE = Collect(None, Policy(1, None), None, "me@desk", False)
COLLECT = """
from relstore.host.requests import collecting
from relstore.formats.retention import Policy
from relstore.protocol import Collect
from relstore.store.store import Store
with Store.open(sys.argv[1]) as store:
    collecting.collect(store, Collect(None, Policy(1, None), None, "me@desk", False))
"""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with all kinds of things to collect: generations, objects, leases, staging, trash."""
    need_strace()
    top = tmp_path_factory.mktemp("full") / "store"
    with Store.open(str(top), create=True) as store:
        for text in (b"1", b"2", b"3"):
            go_live(store, {"shared": b"in all", "own": text, "deep/program": Program(text), "empty": b""})
        record(store, release(store, {"broken": b"4"}), journal.FAILED)
        go_live(store, {"shared": b"in all", "own": b"5"})
        # What dead processes left: a lease and its staging of long ago, a build that was on its way out.
        upload = begin_upload(store, artifact({"never": b"arrived"}))
        upload.put(0, 0, b"arr")
        upload.close(done=False)
        os.utime(top / "staging" / upload.build, (1, 1))
        (top / "leases" / upload.build).write_bytes(upload.raw_manifest)
        orphan = push_build(store, {"no": b"generation"})
        os.rename(top / "builds" / orphan, top / "trash" / f"{orphan}.0123abcd")
    for shard in (top / "objects").iterdir():
        with contextlib.suppress(OSError):
            shard.rmdir()  # made again when it is needed; under strace each one takes its time
    return top


def check(top: Path) -> None:
    """The store is whole, what is current answers, and the next collection gets to the same end."""
    assert problems(top) == []
    assert (top / "apps" / WEB / "current" / "own").read_bytes() == b"5"
    with Store.open(str(top)) as store:
        collecting.collect(store, KEEP_ONE)
        assert store.builds.ids() == sorted([build_of(store, 3), build_of(store, 5)])
        with store.app(WEB) as app:
            assert app.linked() == [3, 5]
            assert set(outcomes(app)[5:]) <= {(journal.DELETED, number) for number in (1, 2, 4)}
        again, _ = collecting.collect(store, KEEP_ONE)
        assert (again.objects, again.bytes) == (0, 0)
    for area in ("trash", "leases"):
        assert list((top / area).iterdir()) == []
    # An emptied staging directory counts as young again, and waits for its time.
    assert [path for path in (top / "staging").rglob("*") if not path.is_dir()] == []
    assert problems(top) == []


@pytest.mark.parametrize("call", CALLS)
def test_killed_before_each(full: Path, tmp_path: Path, call: str) -> None:
    for number in range(1, 200):
        top = copy_store(full, tmp_path / "store")
        words = [*strace(call, f"signal=KILL:when={number}"), *program(COLLECT, top)]
        ended = subprocess.run(words, capture_output=True, text=True)
        if "Invalid" in ended.stderr or "unknown" in ended.stderr:
            pytest.skip(f"no call {call} on this machine")
        check(top)
        if ended.returncode == 0:
            break
    else:
        pytest.fail("the collection never got through")
    print(f"{call}: {number - 1} points")
