"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest_plugins = ("tests.support.hosts.fixtures",)


@pytest.fixture(scope="session", autouse=True)
def no_cache_of_the_person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests push goes into a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield
