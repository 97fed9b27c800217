"""Opening a store: what is refused before anything is read, and making a new one."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from relstore.errors import NoSpaceError, NoStoreError, ReadOnlyError, StoreError, UnsafeStoreError
from relstore.store.root import AREAS, FORMAT, explain, open_root


def test_a_new_store_has_all_its_areas(tmp_path: Path) -> None:
    top = tmp_path / "deep/er/store"
    before = os.umask(0o077)
    try:
        open_root(str(top), create=True).close()
    finally:
        os.umask(before)
    assert sorted(os.listdir(top)) == sorted([*AREAS, "format"])
    assert (top / "format").read_bytes() == FORMAT
    assert len(os.listdir(top / "objects")) == 256
    for path in (tmp_path / "deep", top, top / "builds", top / "objects/ff"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o755
    open_root(str(top), create=False).close()


def test_a_store_half_made_is_finished(tmp_path: Path) -> None:
    (tmp_path / "store/objects/00").mkdir(parents=True)
    (tmp_path / "store/.tmp-1").write_bytes(b"")
    open_root(str(tmp_path / "store"), create=True).close()
    assert len(os.listdir(tmp_path / "store/objects")) == 256


def _file(path: Path) -> None:
    path.write_text("")


def _foreign(path: Path) -> None:
    path.mkdir()
    (path / "mail").write_text("precious")


def _version(path: Path) -> None:
    open_root(str(path), create=True).close()
    (path / "format").chmod(0o644)
    (path / "format").write_text("relstore-store 2\n")


def _group(path: Path) -> None:
    open_root(str(path), create=True).close()
    path.chmod(0o775)


def _others(path: Path) -> None:
    open_root(str(path), create=True).close()
    path.chmod(0o757)


@pytest.mark.parametrize(
    ("prepare", "kind", "what"),
    [
        pytest.param(_file, StoreError, "is not a directory", id="a file"),
        pytest.param(_foreign, NoStoreError, "holds 'mail'", id="somebody's directory"),
        pytest.param(_version, StoreError, "relstore-store 2", id="an unknown format"),
        pytest.param(_group, UnsafeStoreError, "mode 0775", id="group-writable"),
        pytest.param(_others, UnsafeStoreError, "mode 0757", id="world-writable"),
    ],
)
def test_what_is_refused(
    prepare: Callable[[Path], None], kind: type[Exception], what: str, tmp_path: Path
) -> None:
    top = tmp_path / "store"
    prepare(top)
    before = sorted(os.listdir(top)) if top.is_dir() else None
    for create in (False, True):
        with pytest.raises(kind, match=what):
            open_root(str(top), create=create)
    assert (sorted(os.listdir(top)) if top.is_dir() else None) == before


@pytest.mark.parametrize("there", [False, True])
def test_without_being_asked_to_no_store_is_made(there: bool, tmp_path: Path) -> None:
    top = tmp_path / "store"
    if there:
        top.mkdir()
    with pytest.raises(NoStoreError):
        open_root(str(top), create=False)
    assert os.listdir(tmp_path) == (["store"] if there else [])


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a directory away needs root")
def test_the_store_of_another_account_is_refused(tmp_path: Path) -> None:
    top = tmp_path / "store"
    open_root(str(top), create=True).close()
    os.chown(top, 54321, -1)
    with pytest.raises(UnsafeStoreError, match="belongs to uid 54321"):
        open_root(str(top), create=False)


def test_the_way_to_a_store_may_go_through_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with open_root(str(tmp_path / "link/store"), create=True) as root:
        assert root.path == str(tmp_path / "real/store")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ENOSPC", NoSpaceError),
        ("EDQUOT", NoSpaceError),
        ("EROFS", ReadOnlyError),
        ("EACCES", StoreError),
        ("EIO", StoreError),
        ("EMFILE", StoreError),
    ],
)
def test_the_words_for_what_the_system_refused(code: str, kind: type[StoreError]) -> None:
    number = getattr(errno, code)
    error = explain(OSError(number, os.strerror(number), "objects/aa"), "writing an object")
    assert type(error) is kind
    assert error.what == f"writing an object: {os.strerror(number)} (objects/aa)"
    assert error.hint
