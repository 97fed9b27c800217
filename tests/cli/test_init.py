"""``relstore init``: what it sets, what it asks, and what it says comes next."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import Result

from relstore.cli.main import main
from relstore.client.config.load import load
from tests.support.json_output import RelstoreRunner

TO = "deploy@web1:/srv/web"


def run(directory: Path, *words: str) -> Result:
    return RelstoreRunner().invoke(main, ["init", str(directory), *words])


def written(directory: Path) -> dict[str, object]:
    file = directory / "relstore.toml"
    load(file, None, "/home/me")  # the program itself reads it
    return tomllib.loads(file.read_text())


@pytest.mark.parametrize(
    ("words", "live"),
    [
        ([], {}),
        (["--to", TO], {"to": TO}),
        (
            ["--to", TO, "--artifact", "dist/web", "--unit", "web", "--http", "http://127.0.0.1:8080/"],
            {
                "to": TO,
                "artifact": "dist/web",
                "unit": "web",
                "http": "http://127.0.0.1:8080/",
                "become": "sudo",
            },
        ),
        (["--to", TO, "--to", "web2", "--app", "shop"], {"to": [TO, "web2"], "app": "shop"}),
        (["--to", "root@web1:/srv/web", "--unit", "web"], {"to": "root@web1:/srv/web", "unit": "web"}),
        (["--to", TO, "--unit", "web", "--user"], {"to": TO, "unit": "web", "user": True}),
        (
            ["--slots", "--to", TO, "--unit", "web@", "--app", "web"],
            {"to": TO, "app": "web", "unit": "web@", "become": "sudo"},
        ),
        (
            ["--artifact", 'a "b" \\n ü ]#'],
            {"artifact": 'a "b" \\n ü ]#'},
        ),
    ],
)
def test_what_it_is_given_is_set(words: list[str], live: dict[str, object], tmp_path: Path) -> None:
    result = run(tmp_path, *words)
    assert result.exit_code == 0, result.output
    assert written(tmp_path) == live
    text = (tmp_path / "relstore.toml").read_text()
    assert len([line for line in text.splitlines() if line and not line.startswith("#")]) == len(live)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--to", "web1:22"], "can mean a port and can mean a directory"),
        (["--unit", "a b"], "--unit: "),
        (["--http", "https://x/"], "--http: "),
        (["--app", "Shop"], "--app: "),
        (["--slots", "--unit", "web"], "is no template"),
        (["--artifact", "a\0b"], "--artifact: "),
    ],
)
def test_what_cannot_be_set_is_refused(words: list[str], says: str, tmp_path: Path) -> None:
    result = run(tmp_path, *words)
    assert result.exit_code == 2
    assert says in result.output
    assert not (tmp_path / "relstore.toml").exists()


def test_without_its_comment_signs_it_is_valid_whatever_is_set(tmp_path: Path) -> None:
    run(tmp_path, "--to", TO, "--artifact", "web", "--unit", "web", "--http", "http://127.0.0.1/")
    text = (tmp_path / "relstore.toml").read_text()
    lines = [
        line[1:] if line.startswith("#") and line[1:2] not in ("", " ") else line
        for line in text.splitlines()
    ]
    assert tomllib.loads("\n".join(lines))["to"] == TO


@pytest.mark.parametrize("words", [[], ["--to", TO], ["--to", TO, "--unit", "web"], ["--slots"]])
def test_it_ends_by_naming_the_check(words: list[str], tmp_path: Path) -> None:
    result = run(tmp_path, *words, "--json")
    assert json.loads(result.stdout)["next"][-1] == "relstore check"
    (tmp_path / "relstore.toml").unlink()
    assert run(tmp_path, *words).stdout.splitlines()[-1].startswith("  relstore check")


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "relstore.toml").write_text("mine")
    assert run(tmp_path, "--to", TO).exit_code == 2
    assert (tmp_path / "relstore.toml").read_text() == "mine"


def test_on_a_terminal_it_asks(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    answers = ["web1:22", TO, "dist/web", "", "http://127.0.0.1:8080/"]
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    with subprocess.Popen(
        [sys.executable, "-m", "relstore", "init"], stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:
                break
    os.close(ours)
    assert process.returncode == 0
    assert b"can mean a port and can mean a directory" in shown
    assert written(tmp_path) == {"to": TO, "artifact": "dist/web", "http": "http://127.0.0.1:8080/"}
