"""Unpacking the pushed helper into the store: once, whole, and only what its name says."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from relstore.errors import ProtocolError
from relstore.host import helpers
from relstore.host.helpers import INDEX, Bundle
from relstore.store.store import Store
from tests.support.host_side import snapshot


def install(store: Store, bundle: Bundle) -> str:
    return helpers.install(store.root, bundle, store.durability)


def test_it_is_unpacked_under_its_digest(store: Store, top: Path, bundle: Bundle) -> None:
    path = install(store, bundle)
    assert path == f"{top}/helpers/{bundle.digest}"
    with zipfile.ZipFile(bundle.path) as archive:
        expected = {f"{path}/{name}": archive.read(name) for name in archive.namelist()}
    found = {name: data for name, data in snapshot(Path(path)).items() if data is not None}
    assert found == expected
    assert sorted(os.listdir(top / "helpers")) == sorted([bundle.digest, "newest"])
    assert os.readlink(top / "helpers/newest") == bundle.digest


def test_nobody_else_may_write_there_whatever_the_umask(store: Store, bundle: Bundle) -> None:
    before = os.umask(0)
    try:
        path = install(store, bundle)
    finally:
        os.umask(before)
    for name in (path, *snapshot(Path(path))):
        assert os.lstat(name).st_mode & 0o022 == 0, name


def test_it_runs_without_anything_else(store: Store, bundle: Bundle) -> None:
    words = [sys.executable, "-I", "-S", install(store, bundle), "what"]
    ended = subprocess.run(words, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "relstore: this program is started by relstore itself\n"


def test_a_second_time_changes_nothing(store: Store, top: Path, bundle: Bundle) -> None:
    first = install(store, bundle)
    before = snapshot(top)
    assert install(store, bundle) == first
    # The session's code may itself come from there by now.
    assert install(store, Bundle(bundle.digest, first)) == first
    assert snapshot(top) == before


def test_several_at_once(store: Store, top: Path, bundle: Bundle) -> None:
    paths: list[str] = []
    start = threading.Barrier(4)

    def unpack() -> None:
        with Store.open(str(top)) as own:
            start.wait()
            paths.append(install(own, bundle))

    threads = [threading.Thread(target=unpack) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paths == [f"{top}/helpers/{bundle.digest}"] * 4
    assert sorted(os.listdir(top / "helpers")) == sorted([bundle.digest, "newest"])
    assert os.readlink(top / "helpers/newest") == bundle.digest


@pytest.mark.parametrize("byte", [0, 1000, -1])
def test_one_that_is_not_what_its_name_says(
    store: Store, top: Path, bundle: Bundle, tmp_path: Path, byte: int
) -> None:
    data = bytearray(Path(bundle.path).read_bytes())
    data[byte] ^= 1
    (tmp_path / "bundle.zip").write_bytes(data)
    with pytest.raises(ProtocolError, match="not what its name says"):
        install(store, Bundle(bundle.digest, str(tmp_path / "bundle.zip")))
    assert os.listdir(top / "helpers") == []


def test_one_that_lacks_what_it_lists_leaves_nothing(store: Store, top: Path, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("first.py", b"")
        archive.writestr(INDEX, b"first.py\nsecond.py\n")
    with pytest.raises(OSError, match=r"second\.py"):
        install(store, Bundle(hashlib.sha256(path.read_bytes()).hexdigest(), str(path)))
    assert os.listdir(top / "helpers") == []


@pytest.mark.parametrize("name", ["../escaped.py", "/escaped.py", "a/../../escaped.py"])
def test_a_name_that_leaves_it_is_refused(store: Store, top: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / f"bundle-{len(name)}.zip"  # PyPy's zipimport remembers a path for good
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"")
        archive.writestr(INDEX, name.encode() + b"\n")
    with pytest.raises(Exception, match="cannot be a name"):
        install(store, Bundle(hashlib.sha256(path.read_bytes()).hexdigest(), str(path)))
    assert os.listdir(top / "helpers") == []
    assert not list(tmp_path.rglob("escaped.py"))
