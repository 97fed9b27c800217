"""A person chooses a generation from a list, at a terminal."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.support.dialogue import Dialogue
from tests.support.user import User

PROMPT = b"Number or build (Ctrl-C changes nothing): "


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    return User.create(tmp_path_factory.mktemp("picking") / "home")


@pytest.fixture
def store(user: User, tmp_path: Path) -> Path:
    """Three generations of which the second was marked as bad, and the third is current."""
    store = tmp_path / "store"
    page = user.home / "page"
    for text in ("one", "two", "three"):
        page.write_text(text)
        user.does("push", page, "--to", store, "--app", "web", "-m", f"note {text}")
    user.does("mark", "bad", "2", "--to", store)
    return store


def current(store: Path) -> str:
    return os.readlink(store / "apps" / "web" / "current")


def asked(user: User, *words: object) -> Dialogue:
    dialogue = Dialogue(user, *map(str, words))
    dialogue.wait_for(lambda shown: shown.endswith(PROMPT))
    assert dialogue.shown.endswith(PROMPT), dialogue.shown
    return dialogue


def test_a_number_is_chosen(user: User, store: Path) -> None:
    dialogue = asked(user, "switch-generation", "--pick", "--to", store)
    listed = [re.split(" {2,}", line.strip()) for line in dialogue.shown.decode().splitlines()]
    assert [line[0] for line in listed if line[0].isdigit()] == ["1", "2", "3"]
    assert [line[-1] for line in listed if line[0].isdigit()] == ["note one", "note two", "note three"]
    for wrong, said in (
        (b"9", b"'9' is not in the list"),
        (b"3", b"3 is current already"),
        (b"\x1b[A", b"not in the"),
    ):
        dialogue.type(wrong + b"\n")
        dialogue.wait_for(lambda shown, said=said: said in shown and shown.endswith(PROMPT))
        assert said in dialogue.shown, dialogue.shown
    dialogue.type(b"\n")
    dialogue.type(b"2\n")
    assert dialogue.code() == 0, dialogue.shown
    assert b"generation 2 is active" in dialogue.shown
    assert current(store) == "generations/2"


def test_a_rollback_offers_what_is_good_and_marks_what_it_leaves(user: User, store: Path) -> None:
    dialogue = asked(user, "rollback", "--pick", "-m", "loses sessions", "--to", store)
    assert b"note one" in dialogue.shown
    assert b"note two" not in dialogue.shown
    dialogue.type(b"1\n")
    assert dialogue.code() == 0, dialogue.shown
    assert current(store) == "generations/1"
    rows = user.does("list", "--to", store, "--json").document["hosts"][0]["generations"]
    assert (rows[2]["state"], rows[2]["reason"]) == ("failed", "loses sessions")
    ran = Dialogue(user, "rollback", "--pick", "--to", str(store))
    assert ran.code() == 1
    assert b"there is no good generation before the current one to choose" in ran.shown


@pytest.mark.parametrize("key", [b"\x03", b"\x04"])
def test_ctrl_c_leaves_everything_as_it_is(user: User, store: Path, key: bytes) -> None:
    before = user.does("log", "--to", store).out
    dialogue = asked(user, "rollback", "--pick", "--to", store)
    dialogue.type(key)
    assert dialogue.code() == 130
    assert b"nothing was chosen" in dialogue.shown
    assert b"Everything is as it was." in dialogue.shown
    assert (current(store), user.does("log", "--to", store).out) == ("generations/3", before)


def test_several_hosts_choose_one_build(user: User, store: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    page = user.home / "page"
    for text in ("two", "one"):
        page.write_text(text)
        user.does("push", page, "--to", other, "--app", "web")
    dialogue = asked(user, "switch-generation", "--pick", "--to", store, "--to", other)
    assert b"2, 1" in dialogue.shown
    assert b"note three" not in dialogue.shown
    dialogue.type(b"2\n")
    dialogue.wait_for(lambda shown: b"not in the list" in shown and shown.endswith(PROMPT))
    builds = user.does("list", "--to", store, "--json").document["hosts"][0]["generations"]
    dialogue.type(builds[1]["build"][:8].encode() + b"\n")
    assert dialogue.code() == 0, dialogue.shown
    assert (current(store), current(other)) == ("generations/2", "generations/1")


@pytest.mark.parametrize("command", ["switch-generation", "rollback"])
def test_without_a_terminal_nothing_is_asked(user: User, store: Path, command: str) -> None:
    ran = user.run(command, "--pick", "--to", store)
    assert (ran.code, ran.out) == (2, "")
    assert "there is none" in ran.err
    assert "`relstore list-generations`" in ran.err
    ran = user.run(command, "--pick", "--to", store, "--json")
    assert (ran.code, ran.document["error"]["kind"]) == (2, "Usage")
    assert current(store) == "generations/3"


def test_either_a_generation_or_a_list(user: User, tmp_path: Path) -> None:
    for words in (["1", "--pick"], []):
        ran = user.run("switch-generation", *words, "--to", tmp_path / "none")
        assert (ran.code, "--pick" in ran.err) == (2, True)
