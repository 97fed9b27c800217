"""A key is declared once: the parser and the template follow from that, and no declaration is incomplete."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from relstore.client.config import table
from relstore.client.config.environments import DEFAULT_ENV, TABLES_HELP
from relstore.client.config.keys import target
from relstore.client.config.keys.retention import KEEP
from relstore.client.config.keys.service import RESTART_TIMEOUT, USER
from relstore.client.config.load import Config, load
from relstore.client.config.readers import SECONDS, shell_command
from relstore.client.config.recipe import recipe
from relstore.client.config.setting import (
    EVERY_COMMAND,
    DefaultedSetting,
    PathBase,
    Section,
    Setting,
    toml,
)
from relstore.client.config.template import template
from relstore.client.config.values import NOTHING, Values, layered
from relstore.errors import ConfigError
from relstore.formats.recipe import Recipe

SETTINGS = [setting for section in table.SECTIONS for setting in section.settings]
BASE = PathBase(Path("/project"), "/home/ada")

NAP = DefaultedSetting(
    "nap", SECONDS, help="How long to nap.", example="5s", default="3s", commands=("push",)
)


@pytest.fixture
def with_nap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up setting, declared in one place."""
    monkeypatch.setattr(table, "SECTIONS", (*table.SECTIONS, Section("Naps", "", (NAP,))))


def enabled(text: str) -> str:
    """The template with every setting switched on."""
    return re.sub(r"(?m)^#(?=[^ \n])", "", text)


# --- the declarations -----------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [*SETTINGS, DEFAULT_ENV], ids=lambda setting: setting.name)
def test_no_declaration_is_incomplete(setting: Setting[object]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", setting.name)
    assert re.fullmatch(r"[A-Z].*\.", setting.help), "the help is a sentence"
    assert re.fullmatch(r"([A-Z`a-z].*\.)?", setting.more)
    assert setting.kind.name
    assert setting.commands or setting is DEFAULT_ENV


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_example_and_default_is_valid(setting: Setting[object]) -> None:
    assert tomllib.loads(f"x = {toml(setting.example)}") == {"x": setting.example}
    setting.kind.read(setting.example, BASE)
    NOTHING.get(setting)


def test_every_key_has_one_section() -> None:
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)
    assert all(section.title and section.settings for section in table.SECTIONS)


def test_the_common_options_are_those_of_one_module() -> None:
    common = [setting for setting in SETTINGS if setting.commands == EVERY_COMMAND]
    assert common == list(Section.of(target).settings)


def test_the_defaults_are_those_of_the_host() -> None:
    assert recipe(NOTHING) == Recipe()


# --- values ---------------------------------------------------------------------------------------


def test_a_value_a_default_or_none() -> None:
    values = Values({"keep": 3})
    assert (values.get(KEEP), values.get(RESTART_TIMEOUT), values.get(USER)) == (3, 60, False)
    assert NOTHING.get(KEEP) is None


def test_a_later_layer_overrides_an_earlier_one() -> None:
    values = layered(Values({"keep": 3, "user": True}), NOTHING, Values({"keep": 4}))
    assert (values.get(KEEP), values.get(USER)) == (4, True)


def test_a_command_as_a_flag_gives_it() -> None:
    assert shell_command("make | tee log") == ("sh", "-c", "make | tee log")


# --- the parser -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("with_nap")
def test_the_parser_reads_what_is_declared(tmp_path: Path) -> None:
    path = tmp_path / "relstore.toml"
    path.write_text('nap = "2m"')
    assert load(path).values.get(NAP) == 120
    path.write_text("nap = 2")
    with pytest.raises(ConfigError, match="nap: must be a string with a duration"):
        load(path)


def test_the_parser_reads_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "relstore.toml"
    path.write_text('nap = "2m"')
    with pytest.raises(ConfigError, match="nap: unknown key"):
        load(path)


# --- the template ---------------------------------------------------------------------------------


def test_the_template_sets_nothing_until_it_is_edited(tmp_path: Path) -> None:
    path = tmp_path / "relstore.toml"
    path.write_text(template())
    assert load(path) == Config(path=path)


def test_the_template_is_valid_with_everything_enabled(tmp_path: Path) -> None:
    path = tmp_path / "relstore.toml"
    path.write_text(enabled(template()))
    assert load(path).env == "staging"
    production = load(path, "production").values
    assert production.get(KEEP) == 20
    assert len(production.get(target.TO) or ()) == 2


@pytest.mark.usefixtures("with_nap")
def test_the_template_has_every_key_and_its_example() -> None:
    document = tomllib.loads(enabled(template()))
    environments = document.pop("env")
    assert set(environments) == {"staging", "production"}
    inner = {section.table: section for section in table.SECTIONS if section.table}
    for name, section in inner.items():
        assert document.pop(name) == {setting.key: setting.example for setting in section.settings}
    top = [setting for section in table.SECTIONS if not section.table for setting in section.settings]
    assert document == {setting.key: setting.example for setting in (*top, DEFAULT_ENV)}
    assert '\n# How long to nap. Default: "3s".\n#nap = "5s"\n' in template()


def test_the_template_explains_every_key() -> None:
    text = " ".join(line.removeprefix("# ") for line in template().splitlines())
    for explanation in (TABLES_HELP, *(f"{setting.help} {setting.more}".strip() for setting in SETTINGS)):
        assert explanation in text
    assert max(map(len, template().splitlines())) <= 100


def test_the_file_for_slots_has_a_template_of_units() -> None:
    document = tomllib.loads(enabled(template(slots=True)))
    assert (document["unit"], document["http"]) == ("web@", "http://localhost/health")
    assert set(document) == set(tomllib.loads(enabled(template())))
