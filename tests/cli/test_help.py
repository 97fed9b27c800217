"""The list of the commands, their other names, and what is said about a command line that is wrong."""

from __future__ import annotations

import json

import click
import pytest

from relstore.cli import catalog, exit_codes
from relstore.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


@pytest.mark.parametrize("name", catalog.COMMANDS)
def test_what_is_listed_is_there(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_every_command_has_a_line_that_is_not_cut(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(capsys, *words)
    assert code == 0
    for name, listed in catalog.COMMANDS.items():
        (line,) = [line for line in out.splitlines() if line.split()[:1] in ([name], [f"{name},"])]
        assert line.endswith(listed.short)
        assert len(line) <= 80
    titles = [line[:-1] for line in out.splitlines() if line.endswith(":") and line[0] != " "]
    assert titles == [*catalog.GROUPS, "Options"]


def test_help_as_a_command_is_that_of_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "help", "log") == run(capsys, "log", "--help")
    assert run(capsys, "help", "switch") == run(capsys, "switch-generation", "--help")


@pytest.mark.parametrize(("alias", "name"), [("list", "list-generations"), ("switch", "switch-generation")])
def test_an_alias_is_the_command(alias: str, name: str) -> None:
    context = click.Context(main)
    assert main.get_command(context, alias) is main.get_command(context, name)
    assert main.resolve_command(context, [alias, "x"])[0::2] == (name, ["x"])


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (["lst"], "there is no command 'lst'", "Do you mean 'list-generations'? "),
        (["list-generation"], "there is no command 'list-generation'", "Do you mean 'list-generations'? "),
        (["roll"], "there is no command 'roll'", "Do you mean 'rollback'? "),
        (["help", "psh"], "there is no command 'psh'", "Do you mean 'push'? "),
        (["frobnicate"], "there is no command 'frobnicate'", "`relstore help` lists all."),
        (["push", "--dry-rn"], "there is no option '--dry-rn'", "Do you mean '--dry-run'? "),
        (["push", "--foo"], "there is no option '--foo'", "`relstore push --help` shows what it takes."),
        (["diff"], "missing argument 'BEFORE'", "`relstore diff --help` shows"),
        (["--config"], "option '--config' requires an argument", "`relstore --help` shows"),
        (["list", "--frob"], "there is no option '--frob'", "`relstore list-generations --help`"),
        (["show", "x"], "'x' does not name a generation", "Give a number"),
    ],
)
def test_what_is_wrong_is_said_in_one_form(
    words: list[str], what: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (exit_codes.USAGE, "")
    first, second = err.splitlines()
    assert first == f"error: {what}"
    assert second.startswith(f"  next: {hint}")


@pytest.mark.parametrize("words", [["--json", "show", "--frob"], ["show", "--frob", "--json"]])
def test_what_is_wrong_is_in_the_document(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *words)
    assert (code, err) == (exit_codes.USAGE, "")
    document = json.loads(out)
    assert (document["command"], document["error"]["kind"]) == ("show", "Usage")
