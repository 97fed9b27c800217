"""Builds: a manifest that is not what its name says is never believed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from relstore.errors import DamagedError, NotFoundError
from relstore.formats.names import Digest
from relstore.store.store import Store
from relstore.store.tree import Finding
from tests.support.host_side import artifact, push_build

TREE = {"file": b"content"}


def test_a_build_gives_back_its_manifest(store: Store) -> None:
    build = push_build(store, TREE)
    assert store.builds.ids() == [build]
    assert store.builds.manifest(build) == artifact(TREE).manifest
    assert store.builds.manifest_bytes(build) == artifact(TREE).raw


def test_a_build_that_is_not_there(store: Store) -> None:
    with pytest.raises(NotFoundError, match="is not in the store"):
        store.builds.manifest(Digest("0" * 64))


def test_a_manifest_that_was_changed_is_damage(top: Path, store: Store) -> None:
    build = push_build(store, TREE)
    path = top / "builds" / build / "manifest"
    path.chmod(0o644)
    path.write_bytes(artifact({"file": b"other"}).raw)
    with pytest.raises(DamagedError, match="is not what its name says"):
        store.builds.manifest(build)
    assert [finding.path for finding in store.builds.check(build)] == [f"builds/{build}/manifest"]


def test_a_build_without_its_tree_is_damage(top: Path, store: Store) -> None:
    build = push_build(store, TREE)
    shutil.rmtree(top / "builds" / build / "tree")
    assert store.builds.check(build) == [Finding(f"builds/{build}/tree", "is missing")]


def test_what_is_not_named_as_a_build_is_none(top: Path, store: Store) -> None:
    build = push_build(store, TREE)
    (top / "builds/.tmp-1").mkdir()
    (top / "builds/notes").write_text("")
    assert store.builds.ids() == [build]
