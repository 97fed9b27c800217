"""The environment as an argument: the same as --env, and never two at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from relstore.cli.main import main
from tests.support.json_output import RelstoreRunner

CONFIG = """\
app = "web"
default-env = "staging"
[env.staging]
to = "./one"
[env.production]
to = ["./two", "./three"]
"""


def run(directory: Path, *words: str, **variables: str) -> Result:
    (directory / "relstore.toml").write_text(CONFIG)
    config = str(directory / "relstore.toml")
    return RelstoreRunner(env=variables).invoke(main, [*words, "--config", config, "--json"])


def targets(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [host["target"].rpartition("/")[2] for host in json.loads(result.stdout)["hosts"]]


@pytest.mark.parametrize(
    ("words", "variables", "expected"),
    [
        ((), {}, ["one"]),
        (("production",), {}, ["two", "three"]),
        (("--env", "production"), {}, ["two", "three"]),
        (("production", "--env", "production"), {}, ["two", "three"]),
        (("staging",), {"RELSTORE_ENV": "production"}, ["one"]),
        ((), {"RELSTORE_ENV": "production"}, ["two", "three"]),
    ],
)
def test_it_chooses_the_hosts(
    words: tuple[str, ...], variables: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    assert targets(run(tmp_path, "check", *words, **variables)) == expected
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("check", "production", "--env", "staging"), "two environments, 'production' and 'staging'"),
        (("--env", "staging", "check", "production"), "two environments, 'production' and 'staging'"),
        (("check", "prodction"), "prodction"),
    ],
)
def test_it_is_refused(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    result = run(tmp_path, *words)
    assert result.exit_code == 2
    assert says in json.loads(result.stdout)["error"]["what"]
