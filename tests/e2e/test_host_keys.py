"""What a host of relstore.toml sets for itself holds for every command that goes there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.user import User

CONFIG = """
app = "web"
artifact = "page"
health-timeout = "1s"
before = ["sh", "-c", "echo before >> {place}/hooks"]

[hosts.one]
to = "{place}/one"
restart = "echo one >> {place}/restarted"
health-command = "test -e {place}/well"

[hosts.two]
to = "{place}/two"
groups = ["others"]

[hosts.three]
to = "{place}/three"
vars = {{ MOOD = "bad" }}
health-command = "test $RELSTORE_VAR_MOOD = bad"

[group.others]
restart = "echo two >> {place}/restarted"
health-command = "test -e {place}/well-too"
"""


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    """With a release at three hosts of this machine."""
    user = User.create(tmp_path_factory.mktemp("own-keys") / "home")
    place = user.home
    (place / "page").write_text("1")
    (place / "relstore.toml").write_text(CONFIG.format(place=place))
    for name in ("well", "well-too"):
        (place / name).touch()
    user.does("push")
    return user


def by_host(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {Path(host["target"]).name: host for host in document["hosts"]}


def test_each_host_asks_its_own_probes(user: User) -> None:
    assert {
        host["level"] for host in by_host(user.does("status", "--check", "--json").document).values()
    } == {"OK"}
    (user.home / "well-too").unlink()
    try:
        ran = user.run("status", "--check", "--json")
    finally:
        (user.home / "well-too").touch()
    levels = {name: host["level"] for name, host in by_host(ran.document).items()}
    assert (ran.code, levels) == (2, {"one": "OK", "two": "CRITICAL", "three": "OK"})


def test_each_host_is_restarted_in_its_own_way_and_without_hooks(user: User) -> None:
    for name in ("restarted", "hooks"):
        (user.home / name).unlink(missing_ok=True)
    ran = user.does("restart", "--host", "one,two", "--json")
    assert [host["outcome"] for host in ran.document["hosts"]] == ["active", "active"]
    assert (user.home / "restarted").read_text() == "one\ntwo\n"
    assert not (user.home / "hooks").exists()
    ran = user.run("restart")
    assert (ran.code, "nothing says how the app is restarted on three" in ran.err) == (2, True)
    assert (user.home / "restarted").read_text() == "one\ntwo\n"


def test_a_mistake_in_what_a_host_sets_names_the_host(user: User) -> None:
    config = user.home / "wrong.toml"
    config.write_text(f'app = "web"\n[hosts.one]\nto = "{user.home}/one"\ncut-over = "none"\n')
    for command in (["check"], ["status", "--check"], ["switch-generation", "1"]):
        ran = user.run(*command, "--config", config)
        assert (ran.code, "the host one: cut-over without a template" in ran.err) == (2, True), ran.err
