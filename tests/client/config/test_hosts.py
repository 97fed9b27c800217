"""Hosts with names, groups and keys of their own; which of several settings holds; and choosing among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.client.config.chosen_hosts import chosen
from relstore.client.config.hosts import Host
from relstore.client.config.keys.health import HEALTH_COMMAND
from relstore.client.config.keys.hosts import HOSTS_COMMAND, MAX_UNREACHABLE
from relstore.client.config.keys.rollout import CANARY, CHECK_COMMAND, MAX_FAILURES, ON_FAILURE, ORDER, WAVES
from relstore.client.config.keys.service import RESTART_COMMAND, UNIT
from relstore.client.config.keys.target import TO
from relstore.client.config.load import Config, load
from relstore.client.config.share import Share
from relstore.client.config.values import layered
from relstore.client.target import Target
from relstore.errors import ConfigError, UsageError


def loaded(directory: Path, text: str, env: str | None = None) -> Config:
    path = directory / "relstore.toml"
    path.write_text(text)
    return load(path, env, "/home/ada")


def test_a_host_is_a_target_or_a_table(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
        [hosts]
        web1 = "deploy@web1:/srv/web"
        web2 = { to = "/srv/web", groups = ["eu", "big"], vars = { REGION = "eu" } }
        """,
    )
    first, second = config.hosts
    assert (first.name, str(first.target), first.groups) == ("web1", "deploy@web1:/srv/web", ())
    assert (second.name, str(second.target), second.groups) == ("web2", "/srv/web", ("eu", "big"))
    assert (first.variables, second.variables) == ({}, {"REGION": "eu"})


def test_a_host_overrides_its_groups_the_first_of_which_overrides_the_others(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
        restart = "top"
        unit = "top"
        health-command = "top"
        [env.production]
        unit = "env"
        health-command = "env"
        [group.first]
        health-command = "first"
        vars = { A = "first", B = "first" }
        [group.second]
        health-command = "second"
        unit = "second"
        vars = { B = "second", C = "second" }
        [hosts]
        web1 = { to = "web1", groups = ["first", "second", "untold"], vars = { A = "host" } }
        web2 = { to = "web2", groups = ["second"], unit = "host" }
        web3 = "web3"
        """,
        "production",
    )
    found = {
        host.name: [
            str(values.get(setting))
            for values in [layered(config.values, host.values)]
            for setting in (RESTART_COMMAND, UNIT, HEALTH_COMMAND)
        ]
        for host in config.hosts
    }
    shell = "('sh', '-c', '{}')"
    assert found == {
        "web1": [shell.format("top"), "('second.service',)", shell.format("first")],
        "web2": [shell.format("top"), "('host.service',)", shell.format("second")],
        "web3": [shell.format("top"), "('env.service',)", shell.format("env")],
    }
    assert config.hosts[0].variables == {"A": "host", "B": "first", "C": "second"}


def test_an_environment_has_hosts_of_its_own(tmp_path: Path) -> None:
    text = """
        [hosts]
        web1 = "web1"
        [env.a.hosts]
        web2 = "web2"
        [env.b]
        to = "web3"
        [env.c]
        hosts-command = "make hosts"
        [env.d]
        keep = 3
        """
    names = {env: [host.name for host in loaded(tmp_path, text, env).hosts] for env in (None, *"abcd")}
    assert names == {None: ["web1"], "a": ["web2"], "b": [], "c": [], "d": ["web1"]}
    assert [str(one) for one in loaded(tmp_path, text, "b").values.get(TO) or ()] == ["web3:~/relstore"]
    assert loaded(tmp_path, text, "c").values.get(HOSTS_COMMAND) == ("sh", "-c", "make hosts")
    above = loaded(tmp_path, 'to = "web9"\n[env.a.hosts]\nweb2 = "web2"\n', "a")
    assert (above.values.get(TO), len(above.hosts)) == (None, 1)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('to = "web1"\n[hosts]\na = "web1"', 2, "hosts: stands beside `to`"),
        ("[hosts]", 1, "hosts: has no host"),
        ('hosts = "web1"', 1, "hosts: must be a table, not a string"),
        ("[hosts]\na = 5", 2, "hosts.a: must be a table, not an integer"),
        ("[hosts]\na = {}", 2, "hosts.a: has no `to`"),
        ('[hosts]\na = "web1"\nb = "web1"', 3, "hosts.b: is the same store as 'a'"),
        ('[hosts]\na = { to = "" }', 2, "hosts.a: is empty"),
        ('[hosts]\n"a b" = "web1"', 2, "hosts.a b: 'a b' cannot be the name of a host"),
        ('[hosts]\nfailed = "web1"', 2, "'failed' cannot be the name of a host"),
        ('[hosts]\na = { to = "w", groups = ["a"] }', 2, "'a' is a host and a group"),
        ('[hosts]\na = { to = "w", groups = "*" }', 2, "'*' cannot be the name of a group"),
        ('[hosts]\na = { to = "w", keep = 3 }', 2, "hosts.a.keep: cannot be set for a host or a group"),
        ('[hosts]\na = { to = "w", ask-become-pass = true }', 2, "cannot be set for a host"),
        ('[hosts]\na = { to = "w", vars = { "A=B" = "x" } }', 2, "'A=B' cannot be the name of a variable"),
        ('[hosts]\na = { to = "w", vars = { A = 1 } }', 2, "hosts.a.vars.A: must be a string"),
        ('[hosts]\na = { to = "w", vars = { A = "\\u0000" } }', 2, "without NUL"),
        ('[hosts]\na = { to = "w", http-status = 9 }', 2, "hosts.a.http-status: 9 is not a status"),
        ('[group.eu]\nto = "w"', 2, "group.eu.to: cannot be set"),
        ('[env.x.group.eu]\nunit = "w"', 1, "env.x.group: unknown key"),
        ('group = "x"', 1, "group: must be a table"),
    ],
)
def test_a_mistake_in_hosts_is_reported_with_its_line(
    tmp_path: Path, text: str, line: int, what: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert what in caught.value.what
    assert f"relstore.toml:{line}: " in caught.value.what


def test_the_table_rollout(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
        on-failure = "./hook"
        [rollout]
        order = "eu"
        canary = "eu"
        waves = [2, "10%", "50%"]
        max-failures = "5%"
        max-unreachable = 2
        on-failure = "stop"
        check-command = ["./check", "1%"]
        [env.x.rollout]
        canary = "5%"
        on-failure = "continue"
        """,
    )
    values = config.values
    assert (values.get(ORDER), values.get(CANARY)) == (("eu",), "eu")
    assert values.get(WAVES) == (Share(2), Share(10, True), Share(50, True))
    assert (values.get(MAX_FAILURES), values.get(MAX_UNREACHABLE)) == (Share(5, True), Share(2))
    assert (values.get(ON_FAILURE), values.get(CHECK_COMMAND)) == ("stop", ("./check", "1%"))
    other = loaded(tmp_path, (tmp_path / "relstore.toml").read_text(), "x").values
    assert (other.get(CANARY), other.get(ON_FAILURE)) == (Share(5, True), "continue")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("rollout = 5", "rollout: must be a table, not an integer"),
        ("[rollout]\ncanary = -1", "rollout.canary: '-1'"),
        ('[rollout]\ncanary = "101%"', "'101%' is not a number of hosts"),
        ('[rollout]\nwaves = ["50%", "10%"]', "rollout.waves: does not grow"),
        ("[rollout]\nwaves = []", "has no share"),
        ("[rollout]\nwaves = true", "must be"),
        ("[rollout]\nmax-parallel = 0", "is out of range"),
        ("[rollout]\nmax-parallel = true", "must be an integer"),
        ('[rollout]\ncheck-http = "file:///etc/passwd"', "is not a URL"),
        ('[rollout]\nbake = "0.5s"', "is not a duration"),
        ('[rollout]\non-failure = "pray"', "'pray' is not a way to go on"),
        ('[rollout]\nrollout-on-failure = "stop"', "unknown key"),
        ('[rollout]\npause = "sometimes"', "neither a wave nor a word"),
        ("[rollout]\npause = [0]", "neither a wave nor a word"),
        ("[rollout]\npause = []", "names no wave"),
        ("[rollout]\npause = true", "neither a wave nor a word"),
        ("[rollout]\npaws = 1", "unknown key"),
        ("canary = 1", "canary: unknown key"),
        ("max-unreachable = 1\n[rollout]\nmax-unreachable = 2", "max-unreachable: is set twice"),
    ],
)
def test_a_mistake_in_rollout_is_reported(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert what in caught.value.what


WEB = [
    Host("web1", Target.parse("web1"), ("eu", "canary")),
    Host("web2", Target.parse("web2"), ("us",)),
    Host("web3", Target.parse("web3"), ("eu",)),
]


@pytest.mark.parametrize(
    ("names", "groups", "failed", "expected"),
    [
        ([], [], [], ["web1", "web2", "web3"]),
        (["web3", "web1"], [], [], ["web1", "web3"]),
        ([], ["eu"], [], ["web1", "web3"]),
        ([], ["us", "canary"], [], ["web1", "web2"]),
        (["web1", "web2"], ["eu"], [], ["web1"]),
        (["failed"], [], ["web2", "gone"], ["web2"]),
        (["failed", "web1"], [], ["web2"], ["web1", "web2"]),
    ],
)
def test_names_and_groups_narrow_a_run(
    names: list[str], groups: list[str], failed: list[str], expected: list[str]
) -> None:
    assert [host.name for host in chosen(WEB, names, groups, failed)] == expected


@pytest.mark.parametrize(
    ("names", "groups", "failed", "what"),
    [
        (["web4"], [], [], "no host 'web4' among the targets"),
        ([], ["asia"], [], "no host is in the group 'asia'"),
        (["web2"], ["eu"], [], "no host is in all"),
        (["failed"], [], [], "no host failed"),
        (["failed"], [], ["gone"], "no host failed"),
    ],
)
def test_a_name_that_leaves_nothing_is_a_mistake(
    names: list[str], groups: list[str], failed: list[str], what: str
) -> None:
    with pytest.raises(UsageError, match=what):
        chosen(WEB, names, groups, failed)
