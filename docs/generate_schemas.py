"""Write docs/schemas/: a JSON Schema (draft 2020-12) of each command's ``--json``, and of ``--events``.

``python docs/generate_schemas.py`` writes them; with ``--check`` it only tells whether they are current. The
fields are those of docs/reference.toml. Each file stands by itself. Not for explaining fields; that is what
docs/reference.md does.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import generate_reference as reference
import json_types

from relstore.cli.console import SCHEMA
from relstore.cli.rollout_events import VERSION

SCHEMAS = reference.DOCS / "schemas"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
EVENTS, ERROR = "events", "error"
"""The files that are not of a command: the lines of --events, and an error before a command was found."""

Fields = Mapping[str, Sequence[str]]


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema, by the name of its file."""
    known = reference.data()
    made = {name: of_command(name, fields, known) for name, fields in known["documents"].items()}
    made[ERROR] = _complete("an error before a command was found", [_failure("", known)], known)
    made[EVENTS] = _complete(
        "a line of --events", [_event(name, fields, known) for name, fields in known["events"].items()], known
    )
    return {f"{name}.json": schema for name, schema in made.items()}


def of_command(name: str, fields: Fields, known: Mapping[str, Any]) -> dict[str, Any]:
    """What the command prints: its report, or the error that it ended with."""
    title = f"relstore {name} --json" + (", each line" if name == "logs" else "")
    return _complete(title, [_with(_head(name), fields, known), _failure(name, known)], known)


def _head(command: str) -> dict[str, Any]:
    return {"schema": {"const": SCHEMA}, "command": {"const": command}}


def _failure(command: str, known: Mapping[str, Any]) -> dict[str, Any]:
    return _with(_head(command), {"error": ["error", "what went wrong"]}, known)


def _event(name: str, fields: Fields, known: Mapping[str, Any]) -> dict[str, Any]:
    head = {"v": {"const": VERSION}, "time": json_types.of_type("time", known), "event": {"const": name}}
    return _with(head, fields, known)


def _with(head: Mapping[str, Any], fields: Fields, known: Mapping[str, Any]) -> dict[str, Any]:
    """An object that begins with what every such object has."""
    schema = json_types.of_fields(fields, known)
    schema["properties"] = {**head, **schema["properties"]}
    schema["required"] = [*head, *schema["required"]]
    return schema


def _complete(title: str, choices: Sequence[dict[str, Any]], known: Mapping[str, Any]) -> dict[str, Any]:
    """A whole file, with the definitions that it refers to."""
    body: dict[str, Any] = {"anyOf": list(choices)} if len(choices) > 1 else choices[0]
    definitions: dict[str, Any] = {}
    missing = _references(body)
    while missing:
        for name in missing:
            definitions[name] = json_types.of_fields(known["shapes"][name], known)
        missing = _references(definitions) - set(definitions)
    return {"$schema": DRAFT, "title": title, **body, "$defs": dict(sorted(definitions.items()))}


def _references(schema: Mapping[str, Any]) -> set[str]:
    return set(re.findall(r'"#/\$defs/([a-z-]+)"', json.dumps(schema)))


def files() -> dict[str, str]:
    """The text of every file."""
    return {
        name: json.dumps(schema, indent=1, ensure_ascii=False) + "\n" for name, schema in schemas().items()
    }


def main() -> None:
    made = files()
    there = {path.name: path for path in SCHEMAS.glob("*.json")}
    if "--check" not in sys.argv[1:]:
        for name in set(there) - set(made):
            there[name].unlink()
        for name, text in made.items():
            (SCHEMAS / name).write_text(text, encoding="utf-8")
    elif {name: path.read_text(encoding="utf-8") for name, path in there.items()} != made:
        sys.exit("docs/schemas is not current: run `make reference`")


if __name__ == "__main__":
    main()
