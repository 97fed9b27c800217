"""What is printed where, and in which form."""

from __future__ import annotations

import json

import pytest

from relstore.cli import text
from relstore.cli.console import Console
from relstore.cli.table import Column
from relstore.errors import RelstoreError


def make(*, as_json: bool = False, quiet: bool = False, verbose: bool = False) -> Console:
    return Console(as_json, quiet, verbose, terminal=False, color=False)


def test_reports_go_to_standard_output_and_all_else_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    screen = make(verbose=True)
    screen.report("report")
    screen.note("note")
    screen.detail("detail")
    out, err = capsys.readouterr()
    assert out == "report\n"
    assert err == "note: note\ndetail\n"


def test_quiet_leaves_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    screen = make(quiet=True)
    screen.report("report")
    screen.say("said")
    screen.note("note")
    assert capsys.readouterr() == ("report\n", "")


def test_json_prints_one_document_and_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    screen = make(as_json=True)
    screen.report("report")
    screen.say("said")
    screen.table([Column("a")], [["b"]])
    screen.error(RelstoreError("full"))
    screen.document("status", hosts=["\x1b"])
    out, err = capsys.readouterr()
    assert json.loads(out) == {"schema": 1, "command": "status", "hosts": ["\x1b"]}
    assert "\x1b" not in out
    assert err == ""


def test_an_error_says_where_what_and_what_next(capsys: pytest.CaptureFixture[str]) -> None:
    make().error(RelstoreError("full\x1b[2J", state="Nothing was changed.", hint="Free some.").on("web1"))
    assert capsys.readouterr().err == (
        "error: web1: full\\x1b[2J\n  now:  Nothing was changed.\n  next: Free some.\n"
    )


def test_a_table_in_a_pipe_is_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    columns = [Column("gen", styles={"1": "red"}), Column("note", wraps=True)]
    make().table(columns, [["1", "evil\n\x1b[31m"], ["2", "long " * 100]], {0: ["why\n"]})
    assert capsys.readouterr().out == (
        "gen  note\n1    evil\\n\\x1b[31m\n  why\\n\n2    " + " ".join(["long"] * 100) + "\n"
    )


def test_a_pipe_gets_full_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_795_409_261 + 7200.0)
    terminal = Console(False, False, False, terminal=True, color=False)
    moment = text.moment(1_795_409_261)
    assert (make().when(1_795_409_261), terminal.when(1_795_409_261)) == (moment, "2 h ago")
    assert (make().since(1_795_409_261), terminal.since(1_795_409_261)) == (moment, f"{moment} (2 h ago)")
    assert terminal.since(1) == text.moment(1)


def test_a_host_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    make().error(RelstoreError("deploy@h: full").on("deploy@h"))
    assert capsys.readouterr().err == "error: deploy@h: full\n"
