"""Hooks on this machine, once a deployment, as a team uses them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.support.user import User, make_site

HOOK = """#!/bin/sh
env | grep ^RELSTORE_ | sort > "$PWD/$RELSTORE_HOOK.env"
cat > "$PWD/$RELSTORE_HOOK.json"
echo "this is $RELSTORE_HOOK"
exit "${1:-0}"
"""
CONFIG = """
to = ["{store}", "{store}-2"]
app = "web"
artifact = "site"
local-before = ["./hook"]
local-after = ["./hook"]
local-on-failure = ["./hook"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "project"
    path.mkdir()
    make_site(path / "site", "one")
    (path / "hook").write_text(HOOK)
    (path / "hook").chmod(0o755)
    (path / "relstore.toml").write_text(CONFIG.format(store=tmp_path / "store"))
    return path


def told(project: Path, hook: str) -> tuple[dict[str, str], dict[str, Any]] | None:
    """What a hook was given, as variables and as a document; None when it did not run."""
    if not (project / f"{hook}.env").exists():
        return None
    lines = (project / f"{hook}.env").read_text().splitlines()
    document = json.loads((project / f"{hook}.json").read_text())
    for suffix in ("env", "json"):
        (project / f"{hook}.{suffix}").unlink()
    return dict(line.split("=", 1) for line in lines), document


def test_before_and_after_run_once_for_all_hosts(user: User, project: Path, tmp_path: Path) -> None:
    ran = user.does("push", "--json", cwd=project)
    assert "  | this is local-before\n" in ran.err
    variables, document = told(project, "local-before") or ({}, {})
    store = str(tmp_path / "store")
    assert variables["RELSTORE_TO"] == f"{store} {store}-2"
    assert (variables["RELSTORE_COMMAND"], variables["RELSTORE_APP"]) == ("push", "web")
    assert "RELSTORE_OUTCOME" not in variables
    assert document == {
        "schema": 1, "command": "push", "hook": "local-before", "to": [store, f"{store}-2"], "app": "web",
    }  # fmt: skip
    variables, document = told(project, "local-after") or ({}, {})
    assert (variables["RELSTORE_OUTCOME"], variables["RELSTORE_GENERATION"]) == ("active", "1")
    assert re.fullmatch("[0-9a-f]{64}", variables["RELSTORE_BUILD"])
    printed = ran.document
    reports = printed.pop("local_hooks")
    assert {key: document[key] for key in printed} == printed
    assert reports == [{"hook": "local-before", "problem": ""}, {"hook": "local-after", "problem": ""}]
    assert told(project, "local-on-failure") is None
    user.does("push", cwd=project)
    assert (told(project, "local-after") or ({}, {}))[0]["RELSTORE_OUTCOME"] == "unchanged"


def test_a_switch_and_a_rollback_have_them_too(user: User, project: Path) -> None:
    user.does("push", cwd=project)
    make_site(project / "site", "two")
    user.does("push", cwd=project)
    for words in (["switch-generation", "-1"], ["switch-generation", "+1"], ["rollback"]):
        told(project, "local-after")
        user.does(*words, cwd=project)
        variables, document = told(project, "local-after") or ({}, {})
        assert (variables["RELSTORE_COMMAND"], variables["RELSTORE_OUTCOME"]) == (words[0], "active")
        assert [host["outcome"] for host in document["hosts"]] == ["active", "active"]


def test_one_before_that_fails_stops_the_deployment(user: User, project: Path, tmp_path: Path) -> None:
    ran = user.run("push", "--local-before", "./hook 7", cwd=project)
    assert ran.code == 1
    assert "the local-before command failed: `./hook 7` ended with exit code 7" in ran.err
    assert "Nothing was sent." in ran.err
    assert not (tmp_path / "store").exists()
    variables, document = told(project, "local-on-failure") or ({}, {})
    assert variables["RELSTORE_OUTCOME"] == "error"
    assert "local-before" in document["error"]["what"]
    assert told(project, "local-after") is None


def test_one_after_that_fails_changes_no_exit_code(user: User, project: Path) -> None:
    ran = user.does("push", "--local-after", "./hook 3", "--json", cwd=project)
    assert (
        "note: the local-after command failed: `./hook 3` ended with exit code 3; that changes nothing"
        in ran.err
    )
    assert ran.document["local_hooks"][1] == {
        "hook": "local-after",
        "problem": "`./hook 3` ended with exit code 3",
    }
    make_site(project / "site", "two")
    bad = ["--restart", "! grep -q two $RELSTORE_PATH/index.html", "--local-on-failure", "/no/such/program"]
    ran = user.run("push", *bad, cwd=project)
    assert ran.code == 3
    assert "note: the local-on-failure command failed: `/no/such/program` cannot be run" in ran.err


def test_a_failed_deployment_is_told(user: User, project: Path, tmp_path: Path) -> None:
    user.does("push", cwd=project)
    make_site(project / "site", "two")
    one = ["--to", tmp_path / "store", "--restart", "! grep -q two $RELSTORE_PATH/index.html"]
    assert user.run("push", *one, cwd=project).code == 3
    variables, document = told(project, "local-on-failure") or ({}, {})
    assert (variables["RELSTORE_OUTCOME"], variables["RELSTORE_GENERATION"]) == ("rolled-back", "2")
    assert document["hosts"][0]["error"]["what"]
    (project / "site/.env").write_text("x")
    assert user.run("push", cwd=project).code == 1
    variables, document = told(project, "local-on-failure") or ({}, {})
    assert variables["RELSTORE_OUTCOME"] == "error"
    assert "holds .env" in document["error"]["what"]


@pytest.mark.parametrize("words", [["--dry-run"], ["--no-switch"]])
def test_what_deploys_nothing_runs_none(user: User, project: Path, words: list[str]) -> None:
    user.does("push", *words, cwd=project)
    assert [told(project, hook) for hook in ("local-before", "local-after", "local-on-failure")] == [None] * 3


def test_one_that_hangs_is_killed(user: User, project: Path) -> None:
    hangs = ["--local-after", "sleep 100", "--local-hook-timeout", "1s"]
    ran = user.does("push", *hangs, cwd=project)
    assert "`sleep 100` did not end within 1 s and was killed" in ran.err


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('local-after = "bin/notify --urgent"', "must be an array of a program and its arguments"),
        ("local-after = []", "has no program"),
        ("local-after = [5]", "must hold strings only"),
        ("local-hook-timeout = 5", "must be a string with a duration"),
    ],
)
def test_lines_for_a_shell_are_refused(user: User, project: Path, line: str, says: str) -> None:
    (project / "relstore.toml").write_text(line)
    ran = user.run("push", cwd=project)
    assert ran.code == 2
    assert says in ran.err


def test_what_it_prints_cannot_play_with_the_terminal(user: User, project: Path) -> None:
    (project / "hook").write_text("#!/bin/sh\nprintf '\\033[2Jx\\r\\n'\n")
    assert "  | \\x1b[2Jx\\x0d\n" in user.does("push", cwd=project).err
    assert "  | " not in user.does("push", "-q", cwd=project).err


class _Chat(BaseHTTPRequestHandler):
    said: ClassVar[list[tuple[str, str, dict[str, str]]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.said.append((self.path, self.headers.get("Authorization", ""), json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def do_PUT(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.mark.parametrize("program", ["bin/notify", "bin/notify-matrix"])
def test_the_recipe_notifies_a_chat(user: User, project: Path, program: str) -> None:
    for tool in ("curl", "jq"):
        if subprocess.run(["which", tool], capture_output=True, check=False).returncode:
            pytest.skip(f"needs {tool}")
    page = (Path(__file__).parents[2] / "docs/recipes/notify.md").read_text()
    text = page.partition(f"<!-- file: {program} -->")[2].partition("```sh\n")[2].partition("```")[0]
    (project / "bin").mkdir()
    (project / program).write_text(text)
    (project / program).chmod(0o755)
    _Chat.said.clear()
    with HTTPServer(("127.0.0.1", 0), _Chat) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        secrets = user.home / ".config/deploy"
        secrets.mkdir(parents=True)
        address = f'url = "http://127.0.0.1:{server.server_port}/TOKEN"\n'
        (secrets / "slack").write_text(address)
        (secrets / "matrix").write_text('header = "Authorization: Bearer TOKEN"\n')
        (secrets / "matrix-room").write_text(f"http://127.0.0.1:{server.server_port}/rooms/!r:x\n")
        for name in ("slack", "matrix", "matrix-room"):
            os.chmod(secrets / name, 0o600)
        ran = user.does("push", "--local-after", program, cwd=project)
        server.shutdown()
    assert "failed" not in ran.err, ran.err
    assert "TOKEN" not in ran.err + ran.out
    ((path, header, body),) = _Chat.said
    assert path == "/TOKEN" or path.startswith("/rooms/!r:x/send/m.room.message/")
    assert "push of web" in (body.get("text") or body["body"])
    assert header == ("Bearer TOKEN" if "matrix" in program else "")


def test_a_file_of_events_that_cannot_be_written_stops_it_before_anything_runs(
    user: User, project: Path, tmp_path: Path
) -> None:
    config = project / "relstore.toml"
    config.write_text(f'build = "touch built"\n{config.read_text()}')
    for words in (["push"], ["rollback"], ["switch-generation", "-1"], ["restart", "--restart", "true"]):
        ran = user.run(*words, "--events", "missing/events", cwd=project)
        assert ran.code == 2
        assert "--events missing/events: No such file or directory" in ran.err
    assert told(project, "local-before") is None
    assert told(project, "local-on-failure") is None
    assert not (project / "built").exists()
    assert not (tmp_path / "store").exists()
