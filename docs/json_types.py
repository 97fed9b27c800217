"""The types of the fields of JSON documents, as docs/reference.toml writes them, as JSON Schema.

``string or null``, ``list of NAME``, ``map of integer``; a NAME is a shape, the form of a string, or a choice
of strings. The choices are the program's own values. Not for documents and files (``generate_schemas``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from relstore import errors
from relstore.cli.status_check import Level
from relstore.client.config.keys import hooks
from relstore.client.fleet import result
from relstore.client.operations.host_check import CheckState
from relstore.client.rollout import states
from relstore.formats import cut_over, generation, journal
from relstore.formats.adoption import LayoutKind
from relstore.formats.finding import Aspect
from relstore.gc.leftovers import LeftoverKind

PLAIN = ("string", "integer", "number", "boolean")

CLIENT_OUTCOMES = (
    result.UNCHANGED,
    result.STAGED,
    result.SKIPPED,
    result.WITHDRAWN,
    result.SUPERSEDED,
    result.UNREACHABLE,
    result.ERROR,
)


def kinds_of_errors(
    kind: type[errors.RelstoreError] = errors.RelstoreError,
) -> Iterator[type[errors.RelstoreError]]:
    """The whole tree, each before those below it."""
    yield kind
    for below in kind.__subclasses__():
        yield from kinds_of_errors(below)


CHOICES: Mapping[str, Sequence[str]] = {
    "state": generation.STATES,
    "outcome": (*journal.OUTCOMES, *CLIENT_OUTCOMES),
    "mark": ("good", "bad"),
    "rollout-end": (*states.ENDS, *states.WAITS),
    "phase": get_args(states.Phase),
    "host-state": (*get_args(states.HostState), "not healthy", "lost"),
    "slot-name": cut_over.SLOTS,
    "role": get_args(cut_over.Role),
    "entry-kind": ("file", "directory", "symlink"),
    "change-kind": ("added", "removed", "changed"),
    "layout": get_args(LayoutKind),
    "aspect": get_args(Aspect),
    "check-state": get_args(CheckState),
    "level": tuple(level.name for level in Level),
    "verdict-kind": ("generation", "build", *get_args(LeftoverKind)),
    "hook-key": tuple(
        setting.name for setting in (hooks.LOCAL_BEFORE, hooks.LOCAL_AFTER, hooks.LOCAL_ON_FAILURE)
    ),
    "error-kind": tuple(kind.__name__.removesuffix("Error") for kind in kinds_of_errors()),
}


def of_type(kind: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a type. ``known``: docs/reference.toml. Raises KeyError for an unknown name."""
    if kind.startswith("list of ") and " or list of " not in kind and not kind.endswith(" or null"):
        return {"type": "array", "items": of_type(kind.removeprefix("list of "), known)}
    if kind.startswith("map of ") and " or " not in kind:
        return {"type": "object", "additionalProperties": of_type(kind.removeprefix("map of "), known)}
    if " or " in kind:
        return _any_of([of_type(part, known) for part in kind.split(" or ")])
    if kind in (*PLAIN, "null"):
        return {"type": kind}
    if kind in CHOICES:
        return {"enum": list(CHOICES[kind])}
    if kind in known["forms"]:
        return {"type": "string", "pattern": known["forms"][kind][0]}
    if kind in known["shapes"]:
        return {"$ref": f"#/$defs/{kind}"}
    raise KeyError(kind)


def _any_of(schemas: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if all(set(schema) == {"type"} for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    return {"anyOf": list(schemas)}


def of_fields(fields: Mapping[str, Sequence[str]], known: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object with these fields. Others may come with a later relstore."""
    return {
        "type": "object",
        "properties": {
            name: {**of_type(field[0], known), "description": field[1]} for name, field in fields.items()
        },
        "required": [name for name, field in fields.items() if "optional" not in field[2:]],
    }
