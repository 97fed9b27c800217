"""A store with more apps than are asked about together: each command that reads has all of them, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.client.connection import session
from relstore.formats.names import AppName
from tests.support.grown import grow
from tests.support.host_side import remove_store
from tests.support.user import User

COUNT = session._AT_ONCE + 3
NAMES = [f"app-{number:03}" for number in range(COUNT)]


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    return User.create(tmp_path_factory.mktemp("many") / "home")


@pytest.fixture(scope="module")
def store(user: User) -> Iterator[Path]:
    place = user.home / "store"
    for name in NAMES:
        grow(place, AppName(name), 3)
    yield place
    remove_store(place)


@pytest.mark.parametrize("command", ["status", "list-generations", "log"])
def test_all_apps_are_there_in_order(command: str, user: User, store: Path) -> None:
    hosts = user.does(command, "--to", store, "--json").document["hosts"]
    assert [host["app"] for host in hosts] == NAMES
    if command == "list-generations":
        assert {row["note"] for row in hosts[-1]["generations"]} == {
            f"release {number} of {NAMES[-1]}" for number in (1, 2, 3)
        }


def test_the_page_and_the_metrics_have_all(user: User, store: Path) -> None:
    page = user.does("history", "--html", "-", "--to", store).out
    assert page.count("<h2>app-") == COUNT
    assert user.does("metrics", "--to", store).out.count("relstore_generations{") == COUNT


def test_a_command_about_one_names_some_of_them(user: User, store: Path) -> None:
    ran = user.run("show", "--to", store)
    assert ran.code == 2
    assert f"It has {', '.join(NAMES[:10])} and {COUNT - 10} more." in ran.err


def test_an_app_that_is_damaged_ends_the_command_with_its_name(user: User, store: Path) -> None:
    record = store / "apps" / NAMES[1] / "records" / "2"
    kept = record.read_bytes()
    record.unlink()
    try:
        ran = user.run("status", "--to", store)
        assert ran.code == 1
        assert f"the record of generation 2 of {NAMES[1]} is missing" in ran.err
        assert "generation" in user.does("status", "--to", store, "--app", NAMES[2]).out
    finally:
        record.write_bytes(kept)
        record.chmod(0o444)


def test_a_history_that_was_cut_is_noticed_whichever_app_it_is_of(user: User, store: Path) -> None:
    user.does("status", "--to", store)
    other = user.home / "other"
    for name in NAMES[:3]:
        grow(other, AppName(name), 5 if name == NAMES[1] else 3)
    try:
        assert user.does("status", "--to", other).err == ""
        remove_store(other)
        for name in NAMES[:3]:
            grow(other, AppName(name), 3)
        (notice,) = user.does("status", "--to", other).err.splitlines()
        assert "the history is shorter than it was: 5 generations" in notice
    finally:
        remove_store(other)
