"""The keys of relstore.toml: what each may hold, and what it becomes.

Each reader takes one TOML value and gives the parsed one, or raises UsageError. Where the value stood
is not known here; ``load`` adds that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from relstore.client.coding import check_compression
from relstore.client.config.amounts import duration, parse_size
from relstore.client.target import Target
from relstore.errors import UsageError
from relstore.formats.names import AppName
from relstore.formats.retention import MAX_KEEP, MAX_SIZE

_PYTHON = re.compile(r"/[A-Za-z0-9_./+-]+")


class PathBase(NamedTuple):
    """What relative paths and ``~/`` in the file stand for."""

    directory: Path
    """The file's directory, absolute and resolved."""
    home: str | None
    """The person's home directory, or None when it is not known."""


class Key(NamedTuple):
    """One key: the field of ``Config`` that it sets, and how its value is read."""

    field: str
    read: Callable[[object, PathBase], Any]


def shell_command(text: str) -> tuple[str, ...]:
    """The argument list that runs ``text`` in a shell."""
    return ("sh", "-c", argument(text))


def type_name(value: object) -> str:
    """What TOML calls the type of ``value``."""
    for kind, name in (
        (str, "a string"),
        (bool, "a boolean"),
        (int, "an integer"),
        (float, "a float"),
        (list, "an array"),
        (dict, "a table"),
    ):
        if isinstance(value, kind):
            return name
    return "a date or time"


def string(value: object) -> str:
    if not isinstance(value, str):
        raise UsageError(f"must be a string, not {type_name(value)}", hint="Put it in quotes.")
    if not value.strip():
        raise UsageError("is empty", hint="Give it a value, or remove the key.")
    return value


def argument(text: str) -> str:
    if "\0" in text:
        raise UsageError("holds a NUL character", hint="Remove it; no program can be given one.")
    return text


def _app(value: object, place: PathBase) -> AppName:
    return AppName.parse(string(value))


def _targets(value: object, place: PathBase) -> tuple[Target, ...]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        raise UsageError(
            f"must be a string or an array of strings, not {type_name(value)}",
            hint='For example "deploy@web1:/srv/app".',
        )
    if not value:
        raise UsageError("has no target", hint="Name at least one, or remove the key.")
    targets: list[Target] = []
    for item in value:
        target = Target.parse(string(item), place.home).beneath(place.directory)
        if target in targets:
            raise UsageError(f"names {str(target)!r} twice", hint="Remove one of the two.")
        targets.append(target)
    return tuple(targets)


def _path(value: object, place: PathBase) -> Path:
    return place.directory / argument(string(value))


def command(value: object, place: PathBase) -> tuple[str, ...]:
    if isinstance(value, str):
        return shell_command(string(value))
    if not isinstance(value, list):
        raise UsageError(
            f"must be a string (for sh -c) or an array of strings, not {type_name(value)}",
            hint='For example "make" or ["make", "site"].',
        )
    if not value:
        raise UsageError("has no program", hint="Name one, or remove the key.")
    for word in value:
        if not isinstance(word, str):
            raise UsageError(f"must hold strings only, not {type_name(word)}", hint="Put it in quotes.")
    string(value[0])
    return tuple(argument(word) for word in value)


def seconds(value: object, place: PathBase) -> int:
    if not isinstance(value, str):
        raise UsageError(
            f"must be a string with a duration, not {type_name(value)}",
            hint='For example "60s", "12h" or "30d".',
        )
    return duration(value)


def _keep(value: object, place: PathBase) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"must be an integer, not {type_name(value)}", hint="For example 5, without quotes.")
    if not 1 <= value <= MAX_KEEP:
        raise UsageError("is out of range", hint=f"Write a number from 1 to {MAX_KEEP}.")
    return value


def _size(value: object, place: PathBase) -> int:
    size = parse_size(string(value))
    if not 1 <= size <= MAX_SIZE:
        raise UsageError("is out of range", hint='For example "5G".')
    return size


def _python(value: object, place: PathBase) -> str:
    text = string(value)
    if not _PYTHON.fullmatch(text):
        raise UsageError(
            f"{text!r} is not the absolute path of an interpreter",
            hint="Write it from '/', with letters, digits and _ . / + - only: /usr/bin/python3.11.",
        )
    return text


def flag(value: object, place: PathBase) -> bool:
    if not isinstance(value, bool):
        raise UsageError(
            f"must be a boolean, not {type_name(value)}", hint="Write true or false, without quotes."
        )
    return value


def _compression(value: object, place: PathBase) -> str:
    return check_compression(string(value))


KEYS: Mapping[str, Key] = MappingProxyType(
    {
        "app": Key("app", _app),
        "to": Key("targets", _targets),
        "artifact": Key("artifact", _path),
        "build": Key("build", command),
        "keep": Key("keep", _keep),
        "keep-within": Key("keep_within", seconds),
        "max-size": Key("max_size", _size),
        "gc": Key("collect", flag),
        "python": Key("python", _python),
        "allow-outside-links": Key("allow_outside_links", flag),
        "compression": Key("compression", _compression),
        "delta": Key("delta", flag),
        "connect-timeout": Key("connect_timeout", seconds),
    }
)
"""Of those that stand at the top level and in ``[env.NAME]`` alike, the ones about what is pushed where."""
