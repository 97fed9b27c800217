"""Write docs/reference.md from the program: commands, options, exit codes, targets, configuration, JSON.

``python docs/generate_reference.py`` writes it; with ``--check`` it only tells whether it is current.
What the program does not know (prose, the fields of the JSON documents) is in docs/reference.toml.
Not for explaining how to do things; docs/guide.md does that.
"""

from __future__ import annotations

import inspect
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click
import json_types

from relstore.cli import exit_codes
from relstore.cli.catalog import COMMANDS, GROUPS
from relstore.cli.directories import CACHE_VARIABLE, STATE_VARIABLE
from relstore.cli.local_state import LIMIT_VARIABLE
from relstore.cli.main import main
from relstore.cli.options import common_options
from relstore.client.config import table
from relstore.client.config.environments import DEFAULT_ENV, TABLES_EXAMPLE, TABLES_HELP
from relstore.client.config.hosts import HOSTS_HELP
from relstore.client.config.setting import EVERY_COMMAND, TOP, DefaultedSetting, Setting, toml
from relstore.client.target import Target
from relstore.errors import RelstoreError
from relstore.formats import generation, journal

DOCS = Path(__file__).resolve().parent
REFERENCE = DOCS / "reference.md"

TARGETS = (
    "deploy@web1:/srv/web",
    "deploy@web1:2222:/srv/web",
    "ssh://deploy@web1:2222/srv/web",
    "web1:apps/web",
    "web1",
    "deploy@[2001:db8::1]:/srv/web",
    "/srv/web",
    "./store",
)
"""One of each form; the program itself says what it means."""

KEY_COLUMNS = ("key", "type", "default", "meaning", "example", "a flag of")


@cache
def data() -> dict[str, Any]:
    """docs/reference.toml."""
    return tomllib.loads((DOCS / "reference.toml").read_text(encoding="utf-8"))


def reference() -> str:
    """The whole page. Raises ValueError where docs/reference.toml and the program do not agree."""
    known = data()
    prose = known["prose"]
    codes = {str(code): meaning for code, meaning in exit_codes.MEANINGS.items()}
    parts = [
        "# Command reference",
        prose["head"],
        "## Commands",
        prose["commands"],
        _table(("group", "command", "alias", "what it does"), _groups()),
        *(command(name, known["documents"].get(name)) for name in COMMANDS),
        "## Common options",
        prose["common"],
        _table(("option", "environment", "meaning"), map(_common_row, common_options())),
        "## Targets",
        prose["targets"],
        _table(("written", "host", "user", "port", "store"), map(_target_row, TARGETS)),
        "## Generations",
        prose["generations"],
        _explained(("state", "meaning"), generation.STATES, known["states"]),
        "## Outcomes",
        prose["outcomes"],
        _explained(("outcome", "meaning"), journal.OUTCOMES, known["outcomes"]),
        prose["client_outcomes"],
        _explained(("outcome", "meaning"), json_types.CLIENT_OUTCOMES, known["client_outcomes"]),
        "## Exit codes",
        _table(
            ("code", "meaning", "what to know"),
            [
                (f"`{code}`", codes[code], text)
                for code, text in _matched("exit codes", codes, known["exit_codes"])
            ],
        ),
        prose["exit_codes"],
        "## relstore.toml",
        prose["configuration"],
        *configuration(),
        "## Environment variables",
        prose["environment"],
        _explained(("variable", "meaning"), _variables(known["variables"]), known["variables"]),
        prose["restart_environment"],
        _table(("variable", "meaning"), ((f"`{k}`", v) for k, v in known["restart_variables"].items())),
        prose["local_hook_environment"],
        _table(("variable", "meaning"), ((f"`{k}`", v) for k, v in known["local_hook_variables"].items())),
        "## JSON",
        prose["json"],
        "### JSON: values",
        prose["json_values"],
        _table(("type", "values"), _values(known["forms"])),
        *(_shape(name, fields) for name, fields in known["shapes"].items()),
        "### Events of a rollout",
        prose["events"],
        *(f"`{name}`:\n\n{_fields(fields)}" for name, fields in known["events"].items()),
        "### Kinds of errors",
        _table(("kind", "meaning"), _kinds()),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _groups() -> Iterator[tuple[str, ...]]:
    for title, group in GROUPS.items():
        for index, (name, listed) in enumerate(group.items()):
            alias = f"`{listed.alias}`" if listed.alias else ""
            yield "" if index else title, f"[`{name}`](#{name})", alias, listed.short


def command(name: str, document: Mapping[str, Sequence[str]] | None) -> str:
    """One command: usage, help, arguments and options of its own, examples, its JSON document."""
    found = main.get_command(click.Context(main), name)
    if found is None:
        raise ValueError(f"there is no command {name}")
    usage = " ".join(found.collect_usage_pieces(click.Context(found, info_name=name)))
    parts = [f"### {name}", f"```text\nrelstore {name} {usage}\n```", inspect.cleandoc(found.help or "")]
    common = {option.name for option in common_options()}
    own = [
        parameter
        for parameter in found.params
        if isinstance(parameter, click.Option) and parameter.name not in common
    ]
    if own:
        parts.append(_table(("option", "meaning"), ((_flags(option), option.help or "") for option in own)))
    examples = [line for line in (found.epilog or "").splitlines() if line.startswith("  ")]
    if examples:
        parts.append("```sh\n" + "\n".join(line.strip() for line in examples) + "\n```")
    if document:
        parts += [f"JSON ([schema](schemas/{name}.json)):", _fields(document)]
    return "\n\n".join(parts)


def _flags(option: click.Option) -> str:
    """``-m`` ``--note TEXT``, and both words of a switch."""
    names = [f"`{name}`" for name in (*option.opts, *option.secondary_opts)]
    if option.is_flag:
        return ", ".join(names)
    metavar = option.make_metavar(click.Context(click.Command("")))
    return ", ".join(names)[:-1] + f" {metavar}`"


def _common_row(option: click.Option) -> tuple[str, str, str]:
    variable = _variable(option)
    return _flags(option), f"`{variable}`" if variable else "", option.help or ""


def _variable(option: click.Option) -> str:
    """The environment variable that does the same, or an empty text."""
    setting = table.all_settings().get(option.opts[-1].removeprefix("--"))
    return setting.variable if setting else str(option.envvar or "")


def _target_row(text: str) -> tuple[str, ...]:
    target = Target.parse(text)
    if target.host is None:
        return f"`{text}`", "this machine", "", "", f"`{target.path}`"
    path = target.path if target.path.startswith("/") else f"~/{target.path}"
    return (
        f"`{text}`",
        target.host,
        target.user or "as ssh_config says",
        str(target.port or "as ssh_config says"),
        f"`{path}`",
    )


def configuration() -> list[str]:
    """The keys of relstore.toml: for each section its title, what holds for all of it, and a table."""
    parts = []
    for section in table.SECTIONS:
        title = section.title + (f": `[{section.table}]`" if section.table != TOP else "")
        parts += [f"### {title}", section.intro] if section.intro else [f"### {title}"]
        parts.append(_table(KEY_COLUMNS, map(_key, section.settings)))
    environments = [
        (*_key(DEFAULT_ENV)[:-1], "`--env`"),
        ("`env.NAME`", "table", "", TABLES_HELP, f"`{TABLES_EXAMPLE.splitlines()[0]}`", "`--env`"),
        ("`hosts`, `group.NAME`", "table", "", HOSTS_HELP, "[Rollouts](rollouts.md)", "`--hosts`, `--group`"),
    ]
    return [*parts, "### Environments", _table(KEY_COLUMNS, environments)]


def _key(setting: Setting[object]) -> tuple[str, ...]:
    """One key, explained by itself."""
    default = setting.default_text
    if isinstance(setting, DefaultedSetting):
        default = f"`{toml(setting.default)}`"
    flags = ", ".join(
        setting.commands if setting.commands == EVERY_COMMAND else map(_quoted, setting.commands)
    )
    return (
        f"`{setting.key}`",
        setting.kind.name,
        default,
        f"{setting.help} {setting.more}".rstrip(),
        f"`{toml(setting.example)}`",
        f"{flags} (its argument)" if setting.is_argument else flags,
    )


def _quoted(word: str) -> str:
    return f"`{word}`"


def _variables(texts: Mapping[str, str]) -> list[str]:
    """Checks that all variables of the program are explained; the prose has others beside them."""
    options = {name for option in common_options() if (name := _variable(option))}
    names = {*options, CACHE_VARIABLE, LIMIT_VARIABLE, STATE_VARIABLE}
    _matched("variables", names, {name: "" for name in texts if name.startswith("RELSTORE_")})
    return list(texts)


def _shape(name: str, fields: Mapping[str, Sequence[str]]) -> str:
    return f"### JSON: {name}\n\n{_fields(fields)}"


def _fields(fields: Mapping[str, Sequence[str]]) -> str:
    return _table(
        ("field", "type", "meaning"),
        (
            (f"`{name}`", _type(kind) + (", *not always*" if "optional" in more else ""), meaning)
            for name, (kind, meaning, *more) in fields.items()
        ),
    )


def _type(kind: str) -> str:
    """The names of shapes become links to their tables, those of values to the table of all."""
    plain = r"string|integer|number|boolean|list|map|of|or|null"
    return re.sub(rf"\b(?!(?:{plain})\b)[a-z][a-z-]*", lambda name: f"[{name[0]}](#{_anchor(name[0])})", kind)


def _anchor(name: str) -> str:
    if name == "error-kind":
        return "kinds-of-errors"
    return f"json-{name}" if name in data()["shapes"] else "json-values"


def _values(forms: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    for name, (_, meaning) in forms.items():
        yield name, meaning
    for name, choices in json_types.CHOICES.items():
        if name != "error-kind":  # they have a table
            yield name, ", ".join(f"`{choice}`" for choice in choices)


def _kinds() -> Iterator[tuple[str, str]]:
    for kind in json_types.kinds_of_errors():
        first = inspect.cleandoc(kind.__doc__ or "").splitlines()[0]
        meaning = "Any other." if kind is RelstoreError else first
        yield f"`{kind.__name__.removesuffix('Error')}`", meaning


def _explained(headers: tuple[str, str], names: Iterable[str], texts: Mapping[str, str]) -> str:
    return _table(headers, ((f"`{name}`", text) for name, text in _matched(headers[0], names, texts)))


def _matched(what: str, names: Iterable[str], texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each name with its text. Raises ValueError unless there is one for each, and no other."""
    names = list(names)
    if set(names) != set(texts):
        raise ValueError(f"{what}: {sorted(set(names) ^ set(texts))} only in one of program and reference")
    return [(name, texts[name]) for name in names]


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    page = reference()
    if "--check" not in sys.argv[1:]:
        REFERENCE.write_text(page, encoding="utf-8")
    elif not REFERENCE.exists() or REFERENCE.read_text(encoding="utf-8") != page:
        sys.exit("docs/reference.md is not current: run `make reference`")
