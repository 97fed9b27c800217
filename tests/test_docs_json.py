"""The JSON documents and variables that the reference describes are those that the program gives."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from relstore.cli import exit_codes, status_view
from relstore.cli.main import COMMANDS, main
from relstore.protocol import SlotOut

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = tomllib.loads((ROOT / "docs" / "reference.toml").read_text())
PLAIN: Mapping[str, type] = {"string": str, "integer": int, "boolean": bool}


def _mismatch(value: Any, kind: str, where: str) -> list[str]:
    """Where ``value`` is not of the ``kind`` that the reference gives it."""
    choices = kind.split(" or ")
    if value is None:
        return [] if "null" in choices else [f"{where} is null, not {kind}"]
    found = [_mismatch_one(value, choice, where) for choice in choices if choice != "null"]
    return min(found, key=len)


def _mismatch_one(value: Any, kind: str, where: str) -> list[str]:
    if kind in PLAIN:
        return [] if type(value) is PLAIN[kind] else [f"{where} is {value!r}, not {kind}"]
    if kind.startswith("list of "):
        if not isinstance(value, list):
            return [f"{where} is not a list"]
        item = kind.removeprefix("list of ")
        return [
            problem
            for index, one in enumerate(value)
            for problem in _mismatch(one, item, f"{where}[{index}]")
        ]
    return _fields_mismatch(value, REFERENCE["shapes"][kind], where, exact=kind != "entry")


def _fields_mismatch(value: Any, fields: Mapping[str, Any], where: str, *, exact: bool) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where} is no object"]
    odd = set(value) ^ set(fields) if exact else set(value) - set(fields)
    problems = [f"{where} has or lacks {name}" for name in sorted(odd)]
    for name in set(value) & set(fields):
        problems += _mismatch(value[name], fields[name][0], f"{where}.{name}")
    return problems


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
        return CliRunner(env=ours).invoke(main, [*given, "--to", str(self._store)], prog_name="relstore")

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
    command = line.split()[0]
    assert (document.pop("schema"), document.pop("command")) == (1, command)
    fields = dict(REFERENCE["documents"][command])
    if command == "push":
        for name in ("warnings", "local_hooks") if "--dry-run" in line else ("dry_run", "failed"):
            del fields[name]
    assert _fields_mismatch(document, fields, command, exact=True) == []
    assert document["hosts"]


def test_a_failure_is_a_json_document_too(ask: Asker) -> None:
    result = ask("unpin", "nothing", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == exit_codes.FAILED
    assert set(document) == {"schema", "command", "error"}
    assert _mismatch(document["error"], "error", "error") == []


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
    assert _mismatch(status_view._slot_fields(slot), "slot", "slot") == []
    if line is not None:
        assert status_view._slot(slot) == line


def test_a_document_with_other_fields_is_seen() -> None:
    finding = {"path": "a", "problem": "b", "repaired": False, "set_aside": False, "foreign": False}
    assert _mismatch([finding], "list of finding", "x") == []
    assert _mismatch([{**finding, "more": 1}], "list of finding", "x") == ["x[0] has or lacks more"]
    assert _mismatch([{**finding, "path": 1}], "list of finding", "x") == ["x[0].path is 1, not string"]
    assert _mismatch(None, "finding", "x") == ["x is null, not finding"]


def test_every_command_has_its_document() -> None:
    without = {"completion", "help"}
    assert set(COMMANDS) - without == set(REFERENCE["documents"])


def test_the_restart_command_has_the_variables_of_the_reference(ask: Asker) -> None:
    assert ask.variables == set(REFERENCE["restart_variables"])
