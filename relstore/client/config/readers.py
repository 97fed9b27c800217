"""The kinds of values that several settings share: text, paths, commands, durations, switches.

Each reader takes one TOML value and returns the parsed one, or raises UsageError. It does not know
where the value stood; the caller adds that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from relstore.client.config.amounts import duration, milliseconds
from relstore.client.config.setting import PathBase, ValueType
from relstore.errors import UsageError

W = TypeVar("W", bound=str)


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
    """A text that is not blank."""
    if not isinstance(value, str):
        raise UsageError(f"must be a string, not {type_name(value)}", hint="Put it in quotes.")
    if not value.strip():
        raise UsageError("is empty", hint="Give it a value, or leave it out.")
    return value


def one_of(value: object, words: Sequence[W], noun: str) -> W:
    """The one of ``words`` that the text is; ``noun`` is what they are."""
    text = string(value)
    for word in words:
        if word == text:
            return word
    raise UsageError(f"{text!r} is not {noun}", hint=f"It is one of {', '.join(words)}.")


def argument(text: str) -> str:
    """``text``, if a program can be given it."""
    if "\0" in text:
        raise UsageError("holds a NUL character", hint="Remove it: no program accepts one as an argument.")
    return text


def several(value: object, noun: str) -> list[object]:
    """The items of a string or of an array; ``noun`` is what each of them is."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list):
        raise UsageError(f"must be a string or an array of strings, not {type_name(value)}")
    if not items:
        raise UsageError(f"has no {noun}", hint="Name at least one, or remove the key.")
    return items


def whole_number(text: str) -> int:
    """The integer that a flag's text stands for."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise UsageError(f"{text!r} is not a whole number", hint="For example 5.")
    return int(text)


def seconds(value: object, base: PathBase) -> int:
    """A duration, in seconds."""
    if not isinstance(value, str):
        raise UsageError(
            f"must be a string with a duration, not {type_name(value)}",
            hint='For example "60s", "12h" or "30d".',
        )
    return duration(value)


def _milliseconds(value: object, base: PathBase) -> int:
    if not isinstance(value, str):
        raise UsageError(
            f"must be a string with a duration, not {type_name(value)}", hint='For example "500ms" or "3s".'
        )
    return milliseconds(value)


def _path(value: object, base: PathBase) -> Path:
    return base.directory / argument(string(value))


def _command(value: object, base: PathBase) -> tuple[str, ...]:
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


def _arguments(value: object, base: PathBase) -> tuple[str, ...]:
    if isinstance(value, str):
        raise UsageError(
            "must be an array of a program and its arguments, since no shell reads it",
            hint='For example ["bin/notify", "--urgent"].',
        )
    return _command(value, base)


def _words(text: str) -> list[str]:
    import shlex  # start-up can do without

    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{text!r} cannot be split into words: {error}") from None


def _boolean(value: object, base: PathBase) -> bool:
    if not isinstance(value, bool):
        raise UsageError(
            f"must be a boolean, not {type_name(value)}", hint="Write true or false, without quotes."
        )
    return value


BOOLEAN = ValueType("boolean", "", _boolean)
PATH = ValueType("path", "PATH", _path)
COMMAND = ValueType("command", "COMMAND", _command)
ARGUMENTS = ValueType("list of strings", "PROGRAM", _arguments, from_flag=_words)
SECONDS = ValueType("duration", "TIME", seconds)
MILLISECONDS = ValueType("duration", "TIME", _milliseconds)
