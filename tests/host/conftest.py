"""Fixtures of the host side's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.host import helpers
from relstore.host.helpers import Bundle
from relstore.store.app import App
from relstore.store.store import Store
from tests.support.host_side import WEB, go_live, release, write_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The helper of this checkout, packed."""
    return write_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def helper(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The helper of this checkout, unpacked once for all tests, so that its bytecode is kept."""
    with Store.open(str(tmp_path_factory.mktemp("helper") / "store"), create=True) as store:
        return helpers.install(store.root, bundle, store.durability)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """Where the test's store is."""
    return tmp_path / "store"


@pytest.fixture
def store(top: Path) -> Iterator[Store]:
    """A new store, open."""
    with Store.open(str(top), create=True) as opened:
        yield opened


@pytest.fixture
def app(store: Store) -> Iterator[App]:
    """``web``: generation 1 is current, generation 2 waits to be activated."""
    go_live(store, {"version": b"1", "shared": b"in both"})
    release(store, {"version": b"2", "shared": b"in both"})
    with store.app(WEB) as opened:
        yield opened
