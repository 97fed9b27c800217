"""A finding of preflight stops a push, until a person lets its kind pass; the host records that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.user import User

FINDING = "web is to be run by /no/such/interpreter, which this host does not have [program-interpreter]"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A release that this host cannot run."""
    program = tmp_path / "web"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    return program


def test_the_message_shows_what_to_copy(user: User, script: Path, tmp_path: Path) -> None:
    ran = user.run("push", script, "--to", tmp_path / "store")
    assert ran.code == 1
    assert FINDING in ran.err
    assert "--ignore-preflight program-interpreter." in ran.err
    other = user.run(
        "push", script, "--to", tmp_path / "store", "--ignore-preflight", "program-loader,selinux"
    )
    assert (other.code, FINDING in other.err) == (1, True)


def test_what_was_let_pass_is_shown_and_recorded(user: User, script: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    ran = user.does("push", script, "--to", store, "--ignore-preflight", "program-interpreter")
    assert f"ignored, as was asked: {FINDING}" in ran.err
    assert "this machine: ignored in preflight: program-interpreter" in ran.out
    assert os.readlink(store / "apps/web/current") == "generations/1"
    (host,) = user.does("log", "--to", store, "--json").document["hosts"]
    intent = next(event for event in host["events"] if event["event"] == "switching")
    assert intent["reason"] == f"in spite of preflight: {FINDING}"
    attached = user.does("attach", "--to", store)
    assert f"in spite of preflight: {FINDING}" in attached.out + attached.err


def test_the_key_does_the_same_and_the_document_names_it(user: User, script: Path, tmp_path: Path) -> None:
    (user.home / "relstore.toml").write_text('ignore-preflight = ["program-interpreter"]\n')
    ran = user.does("push", script, "--to", tmp_path / "store", "--json")
    assert [host["ignored_findings"] for host in ran.document["hosts"]] == [["program-interpreter"]]


def test_where_there_is_nothing_to_ignore_nothing_is_recorded(user: User, site: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    ran = user.does("push", site, "--to", store, "--ignore-preflight", "selinux", "--json")
    assert [host["ignored_findings"] for host in ran.document["hosts"]] == [[]]
    (host,) = user.does("log", "--to", store, "--json").document["hosts"]
    assert [event["reason"] for event in host["events"]] == ["", ""]


@pytest.mark.parametrize("kind", ["nonsense", "systemd-silent"])
def test_other_kinds_are_a_usage_error(user: User, site: Path, tmp_path: Path, kind: str) -> None:
    ran = user.run("push", site, "--to", tmp_path / "store", "--ignore-preflight", kind)
    assert ran.code == 2
    assert "program-machine, program-loader" in ran.err
