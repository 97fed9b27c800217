"""``--host`` and ``--hosts``: which of the targets a command goes to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from relstore.cli.main import main
from relstore.client.config.chosen_hosts import chosen
from relstore.client.config.hosts import Host
from relstore.client.target import Target
from relstore.errors import UsageError
from tests.support.json_output import RelstoreRunner

TARGETS = [
    Host(str(Target.parse(text)), Target.parse(text))
    for text in (
        "deploy@web1:/srv/web",
        "deploy@web2:2222:/srv/web",
        "[2001:db8::1]:/srv/web",
        "/srv/here",
        "deploy@web1:/srv/more",
        "/srv/one,two",
        "/srv/one",
    )
]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["web2"], [1]),
        (["deploy@web2:2222"], [1]),
        (["web2", "web1"], [0, 1, 4]),
        (["deploy@web1:/srv/more"], [4]),
        (["2001:db8::1"], [2]),
        (["[2001:db8::1]"], [2]),
        (["this machine"], [3, 5, 6]),
        (["/srv/here"], [3]),
        (["/srv/one,two"], [5]),
        (["/srv/one"], [6]),
        (["web2, /srv/one,two ,/srv/one"], [1, 5, 6]),
        (["/srv/one,two,/srv/here", "web2,,web1"], [0, 1, 3, 4, 5]),
    ],
)
def test_a_name_means_a_host(names: list[str], expected: list[int]) -> None:
    assert chosen(TARGETS, names, [], []) == tuple(TARGETS[index] for index in expected)


@pytest.mark.parametrize(
    "name", ["wbe1", "web", "", ",", "WEB1", "web1:/srv/web", "-x", "/srv/one,three", "two"]
)
def test_a_name_of_no_host_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"no host .* among the targets") as caught:
        chosen(TARGETS, ["web2", name], [], [])
    assert "They are web1, web2, 2001:db8::1, this machine." in caught.value.hint


def test_what_may_have_been_meant_is_suggested() -> None:
    with pytest.raises(UsageError) as caught:
        chosen(TARGETS, ["wbe1"], [], [])
    assert caught.value.hint.startswith("Do you mean 'web1'?")


def run(directory: Path, *words: str) -> Result:
    (directory / "relstore.toml").write_text('[env.two]\nto = ["./one", "./two"]\n')
    config = str(directory / "relstore.toml")
    return RelstoreRunner().invoke(main, [*words, "--config", config, "--json"])


@pytest.mark.parametrize("before", [True, False])
def test_a_command_goes_to_the_named_host_alone(before: bool, tmp_path: Path) -> None:
    host = ["--host", str(tmp_path / "two")]
    words = [*host, "check", "two"] if before else ["check", "two", *host]
    (found,) = json.loads(run(tmp_path, *words).stdout)["hosts"]
    assert found["target"] == str(tmp_path / "two")


def test_without_targets_there_is_no_host(tmp_path: Path) -> None:
    result = run(tmp_path, "check", "--host", "web1")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["what"] == "--host web1: no target"
