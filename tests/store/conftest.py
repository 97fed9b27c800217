"""Fixtures of the store's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.store.directory import Dir
from relstore.store.store import Store


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Dir]:
    """An empty directory, open."""
    (tmp_path / "here").mkdir()
    with Dir.open_path(str(tmp_path / "here")) as opened:
        yield opened


@pytest.fixture
def here(directory: Dir) -> Path:
    """Where ``directory`` is."""
    return Path(directory.path)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """Where the test's store is."""
    return tmp_path / "store"


@pytest.fixture
def store(top: Path) -> Iterator[Store]:
    """A new store, open."""
    with Store.open(str(top), create=True) as opened:
        yield opened
