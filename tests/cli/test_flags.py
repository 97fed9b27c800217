"""The flags that the keys of relstore.toml give to the commands, and how they are read."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.shell_completion import ShellComplete

from relstore.cli.catalog import COMMANDS
from relstore.cli.command import RelstoreCommand
from relstore.cli.layers import flag_values, variable_values
from relstore.cli.main import main
from relstore.client.config import table
from relstore.client.config.keys.health import HTTP, HTTP_STATUS
from relstore.client.config.keys.release import ARTIFACT
from relstore.client.config.keys.retention import KEEP
from relstore.client.config.keys.service import USER
from relstore.client.config.keys.target import CONNECT_TIMEOUT, TO
from relstore.client.config.readers import SECONDS
from relstore.client.config.setting import EVERY_COMMAND, DefaultedSetting, PathBase, Section
from relstore.client.config.values import Values
from relstore.errors import TargetError, UsageError

BASE = PathBase(Path(), "/home/ada")
GENERATOR = Path(__file__).resolve().parents[2] / "docs" / "generate_reference.py"

NAP = DefaultedSetting(
    "nap", SECONDS, help="How long to nap.", example="5s", default="3s", commands=("push",)
)


@pytest.fixture
def with_nap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up setting, declared in one place."""
    monkeypatch.setattr(table, "SECTIONS", (*table.SECTIONS, Section("Naps", "", (NAP,))))


def options(command: click.Command) -> dict[str, click.Parameter]:
    return {name: parameter for parameter in command.params for name in parameter.opts}


def generator(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(GENERATOR.parent)  # it shares a module with another generator
    spec = importlib.util.spec_from_file_location("generate_reference", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.usefixtures("with_nap")
def test_a_new_setting_is_a_flag_of_its_commands() -> None:
    flag = options(RelstoreCommand("push"))["--nap"]
    assert isinstance(flag, click.Option)
    assert (flag.help, flag.metavar) == ("How long to nap.  [default: 3s]", "TIME")
    assert "--nap" not in options(RelstoreCommand("gc"))
    assert flag_values({"nap": "2m"}, BASE).get(NAP) == 120


@pytest.mark.usefixtures("with_nap")
def test_a_new_setting_is_in_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    page = "\n".join(generator(monkeypatch).configuration())
    assert "### Naps\n" in page
    assert '| `nap` | duration | `"3s"` | How long to nap. | `"5s"` | `push` |' in page


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_flags_that_are_declared_for_it(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    declared = {
        setting.name if setting.is_argument else f"--{setting.name}"
        for setting in table.all_settings().values()
        if name in setting.commands or setting.commands == EVERY_COMMAND
    }
    assert declared <= set(options(command))


def test_only_commands_that_exist_are_named() -> None:
    named = {command for setting in table.all_settings().values() for command in setting.commands}
    assert named <= {*COMMANDS, *EVERY_COMMAND}


def test_flags_are_read_as_the_keys_are() -> None:
    values = flag_values(
        {
            "keep": "5",
            "http_status": "204",
            "http": ("http://a/", "http://b/"),
            "user": True,
            "artifact": "x/y",
        },
        BASE,
    )
    assert values.get(KEEP) == 5
    assert values.get(HTTP_STATUS) == 204
    assert [request.url for request in values.get(HTTP) or ()] == ["http://a/", "http://b/"]
    assert values.get(USER) is True
    assert values.get(ARTIFACT) == Path("x/y"), "relative paths stay as they were written"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"keep": "many"}, "--keep: 'many' is not a whole number"),
        ({"keep": "0"}, "--keep: is out of range"),
        ({"health_timeout": "9"}, "--health-timeout: '9' is not a duration"),
        ({"app": ""}, "--app: is empty"),
        ({"artifact": ""}, "ARTIFACT: is empty"),
        ({"unit_action": "stop"}, "--unit-action: 'stop' is not an action"),
    ],
)
def test_a_wrong_flag_is_named(flags: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        flag_values(flags, BASE)
    assert caught.value.what == message


def test_a_wrong_target_stays_a_target_error() -> None:
    with pytest.raises(TargetError, match="--to: "):
        flag_values({"to": ("a b",)}, BASE)


def test_the_environment() -> None:
    values = variable_values(
        {"RELSTORE_TO": "web1 web2", "RELSTORE_CONNECT_TIMEOUT": "1m", "RELSTORE_APP": ""}, BASE
    )
    assert [target.host for target in values.get(TO) or ()] == ["web1", "web2"]
    assert values.get(CONNECT_TIMEOUT) == 60
    assert set(values.by_name) == {"to", "connect-timeout"}
    assert variable_values({"PATH": "/bin"}, BASE) == Values()
    with pytest.raises(UsageError, match="RELSTORE_CONNECT_TIMEOUT: 'soon' is not a duration"):
        variable_values({"RELSTORE_CONNECT_TIMEOUT": "soon"}, BASE)


@pytest.mark.parametrize(
    ("command", "words", "offered"),
    [
        ("push", ["--unit-action"], ["restart", "reload", "try-reload-or-restart"]),
        ("sudoers", ["--unit-action"], ["restart", "reload", "try-reload-or-restart"]),
        ("unit", ["--become"], ["sudo"]),
        ("gc", ["--keep"], []),
    ],
)
def test_the_shell_completes_values(command: str, words: list[str], offered: list[str]) -> None:
    completion = ShellComplete(main, {}, "relstore", "_RELSTORE_COMPLETE")
    found = completion.get_completions([command, *words], "")
    assert [item.value for item in found] == offered
