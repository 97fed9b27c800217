"""The JSON documents and variables that the reference describes are those that the program gives."""

from __future__ import annotations

import json
import os
import re
import tomllib
from contextlib import nullcontext
from pathlib import Path

import jsonschema
import pytest
from click.testing import Result

from relstore.cli import exit_codes, status_view
from relstore.cli.main import COMMANDS, main
from relstore.protocol import SlotOut
from tests.support.json_output import SCHEMAS, RelstoreRunner, closed, hold_to_events, problems, wrong

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = tomllib.loads((ROOT / "docs" / "reference.toml").read_text())


class Asker:
    """relstore with a store of this machine. The host's ``RELSTORE_*`` variables are in ``variables``, the last job's id in ``job``."""

    def __init__(self, directory: Path) -> None:
        self._store = directory / "store"
        self._site = directory / "site"
        self._page = directory / "page.html"
        self._site.mkdir()
        self.job = ""
        (self._site / "link").symlink_to("page")
        (self._site / "sub").mkdir()
        self._push("one", "true")
        printed = self._push("two", "env").stderr
        failed = self._push("three", "! grep -q three $RELSTORE_PATH/page", "--json")
        self.job = json.loads(failed.stdout)["hosts"][0]["job"]
        self.variables = set(re.findall(r"(?m)^ *\| (RELSTORE_\w+)=", printed))

    def __call__(self, *words: str) -> Result:
        given = [
            {"SITE": str(self._site), "JOB": self.job, "PAGE": str(self._page)}.get(word, word)
            for word in words
        ]
        ours = {name: None for name in os.environ if name.startswith("RELSTORE_")}
        return RelstoreRunner(env=ours).invoke(main, [*given, "--to", str(self._store)], prog_name="relstore")

    def _push(self, content: str, restart: str, *more: str) -> Result:
        (self._site / "page").write_text(content)
        return self("push", "SITE", "--restart", restart, *more)


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    """A store with three generations, the last of which failed."""
    return Asker(tmp_path_factory.mktemp("json"))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("list-generations --all", 0),
        ("status", 0),
        ("show 1", 0),
        ("diff 1 2", 0),
        ("log", 0),
        ("history --html PAGE", 0),
        ("verify", 0),
        ("attach JOB", 3),
        ("gc --keep 1 --dry-run", 0),
        ("pin here 1", 0),
        ("unpin here", 0),
        ("delete-generations 3 --dry-run", 0),
        ("mark bad 3 -m slow", 0),
        ("hold -m migration", 0),
        ("status --verbose", 0),
        ("status --check", 0),
        ("check", 0),
        ("check --unit web", 1),
        ("unhold", 0),
        ("push SITE --dry-run", 0),
        ("push SITE", 0),
        ("switch-generation 2", 0),
        ("rollback", 0),
        ("restart --restart true", 0),
        ("switch-generation 99", 1),
    ],
)
def test_json_documents_have_the_fields_of_the_reference(line: str, code: int, ask: Asker) -> None:
    result = ask(*line.split(), "--json")
    assert result.exit_code == code, result.output
    document = json.loads(result.stdout)
    assert document["command"] == line.split()[0]
    assert document["hosts"]


def test_a_failure_is_a_json_document_too(ask: Asker) -> None:
    result = ask("unpin", "nothing", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == exit_codes.FAILED
    assert set(document) == {"schema", "command", "error"}


@pytest.mark.parametrize(
    ("slot", "line"),
    [
        (
            SlotOut("a", 42, "web@a.service", "active (running)", "live", 1, 90, 31, "/x"),
            "generation 42, live, web@a.service active, 31 connections",
        ),
        (
            SlotOut("b", 41, "web@b.service", "active (running)", "draining", 1, 12, 3, "/x"),
            "generation 41, draining for 12 s, 3 connections left",
        ),
        (
            SlotOut("b", 41, "web@b.service", "deactivating (stop-sigterm)", "draining", 1, 12, 1, "/x"),
            "generation 41, draining for 12 s, web@b.service deactivating, 1 connection left",
        ),
        (
            SlotOut("b", 43, "web@b.service", "failed (failed)", "starting", 1, 2, None, ""),
            "generation 43, starting for 2 s, web@b.service failed",
        ),
        (SlotOut("b", 0, "web@b.service", "inactive (dead)", "none", 0, 0, None, ""), None),
    ],
)
def test_a_slot_has_the_fields_of_the_reference_and_a_line(slot: SlotOut, line: str | None) -> None:
    schema = json.loads((SCHEMAS / "status.json").read_text())
    of_slot = closed({**schema["$defs"]["slot"], "$defs": schema["$defs"]})
    assert list(jsonschema.Draft202012Validator(of_slot).iter_errors(status_view._slot_fields(slot))) == []
    if line is not None:
        assert status_view._slot(slot) == line


FINDING = {"path": "a", "problem": "b", "repaired": False, "set_aside": False, "foreign": False}
CHECKED = {"target": "x", "generations": 1, "builds": 1, "objects": 1, "bytes": 1}


@pytest.mark.parametrize(
    ("finding", "problem"),
    [
        (FINDING, ""),
        ({**FINDING, "more": 1}, "'more' was unexpected"),
        ({**FINDING, "path": 1}, "1 is not of type 'string'"),
        ({**FINDING, "path": None}, "None is not of type 'string'"),
        ({"path": "a"}, "is a required property"),
        ([], "[] is not of type 'object'"),
    ],
)
def test_a_document_with_other_fields_is_seen(finding: object, problem: str) -> None:
    host = {**CHECKED, "findings": [finding]}
    found = wrong({"schema": 1, "command": "verify", "hosts": [host], "failed": []}, "verify")
    assert bool(found) == bool(problem)
    assert all(problem in each for each in found), found


@pytest.mark.parametrize(
    ("line", "good"),
    [
        ({"v": 1, "time": "2026-11-23T04:47:41Z", "event": "begun", "rollout": "r", "hosts": ["web1"]}, True),
        (
            {"v": 2, "time": "2026-11-23T04:47:41Z", "event": "begun", "rollout": "r", "hosts": ["web1"]},
            False,
        ),
        ({"v": 1, "time": "yesterday", "event": "begun", "rollout": "r", "hosts": ["web1"]}, False),
        ({"v": 1, "time": "2026-11-23T04:47:41Z", "event": "unheard", "rollout": "r", "hosts": []}, False),
    ],
)
def test_a_wrong_line_of_events_is_seen(line: object, good: bool, tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text(json.dumps(line) + "\n")
    with nullcontext() if good else pytest.raises(AssertionError):
        hold_to_events(file)


def test_a_reader_may_meet_fields_of_a_later_relstore() -> None:
    schema = json.loads((SCHEMAS / "unpin.json").read_text())
    document = {"schema": 1, "command": "unpin", "name": "x", "hosts": [], "failed": [], "more": 1}
    assert jsonschema.Draft202012Validator(schema).is_valid(document)
    assert problems([json.dumps(document)]) != []


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_each_schema_is_one(path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_what_tests_run_is_held_to_the_schemas() -> None:
    """A test that ran a command by click's own runner would not be."""
    this = Path(__file__)
    elsewhere = {path for path in this.parent.rglob("*.py") if "Cli" + "Runner" in path.read_text()}
    assert elsewhere == {this.parent / "support" / "json_output.py"}


def test_every_command_has_its_document() -> None:
    without = {"completion", "help"}
    assert set(COMMANDS) - without == set(REFERENCE["documents"])
    assert {path.stem for path in SCHEMAS.glob("*.json")} == {*REFERENCE["documents"], "error", "events"}


def test_the_restart_command_has_the_variables_of_the_reference(ask: Asker) -> None:
    assert ask.variables == set(REFERENCE["restart_variables"])
