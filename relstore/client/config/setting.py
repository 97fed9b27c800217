"""What a key of relstore.toml is: the one declaration from which everything about it follows.

The parser, the flags, the template of ``relstore init`` and the command reference are all made from
these values. Not for the declarations themselves (``keys``) nor for what somebody set (``values``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from types import ModuleType
from typing import Generic, NamedTuple, TypeVar

T_co = TypeVar("T_co", covariant=True)

EVERY_COMMAND = ("every command",)
"""For the settings of ``keys.target``, whose flags are common options."""


TOP = ""
"""The top level of relstore.toml, among the tables in which a key may stand."""


class PathBase(NamedTuple):
    """What relative paths and ``~/`` in a value stand for."""

    directory: Path
    """The file's directory, absolute and resolved; ``Path()`` for a flag."""
    home: str | None
    """The person's home directory, or None when it is not known."""


@dataclass(frozen=True, eq=False)
class ValueType(Generic[T_co]):
    """A type of values: what it is called, and how a value is read."""

    name: str
    """For the reference: ``duration``."""
    placeholder: str
    """How help writes a value: ``TIME``. Empty for a switch, whose flags are ``--x`` and ``--no-x``."""
    read: Callable[[object, PathBase], T_co]
    """From a TOML value. Raises UsageError; where the value stood is for the caller to add."""
    from_flag: Callable[[str], object] = str
    """The TOML value that a flag's text stands for. Raises UsageError."""
    repeatable: bool = False
    """Whether the flag may be given several times; ``read`` then takes a list."""
    choices: tuple[str, ...] = ()
    """For the completion of the shell, where there are only a few values."""


@dataclass(frozen=True, eq=False)
class Setting(Generic[T_co]):
    """One key of relstore.toml, and the flag of the same name."""

    name: str
    kind: ValueType[T_co]
    _: KW_ONLY
    help: str
    """One plain sentence: the help of the flag, and the beginning of every longer explanation."""
    more: str = ""
    """What the template and the reference say beyond that."""
    example: object
    """A TOML value that the kind reads."""
    absent: str = ""
    """What holds while nobody sets it, in words; empty when that goes without saying."""
    commands: tuple[str, ...] = ()
    """The commands that take it as a flag, or EVERY_COMMAND."""
    is_argument: bool = False
    """Whether these commands take it as their argument instead."""
    variable: str = ""
    """The environment variable that sets it, if there is one."""
    tables: tuple[str, ...] = (TOP,)
    """The tables of relstore.toml in which it may stand; the first one is where it belongs."""
    written: str = ""
    """The key in its table, where another table has a key of that name too; empty: as the flag."""

    @property
    def key(self) -> str:
        """What it is called in relstore.toml."""
        return self.written or self.name

    @property
    def default_text(self) -> str:
        """What holds while nobody sets it, as help shows it."""
        return self.absent


@dataclass(frozen=True, eq=False)
class DefaultedSetting(Setting[T_co]):
    """A setting that always has a value."""

    _: KW_ONLY
    default: object
    """The TOML value that holds while nobody sets another."""

    @property
    def default_text(self) -> str:
        return self.default if isinstance(self.default, str) else toml(self.default)


@dataclass(frozen=True, eq=False)
class Section:
    """Settings that belong together, with what is to know about all of them."""

    title: str
    intro: str
    settings: tuple[Setting[object], ...]
    table: str = TOP
    """The table of relstore.toml that they belong to."""

    @classmethod
    def of(cls, module: ModuleType) -> Section:
        """The settings that a module of ``keys`` declares, in their order."""
        settings = tuple(value for value in vars(module).values() if isinstance(value, Setting))
        return cls(module.TITLE, module.INTRO, settings, settings[0].tables[0])


def toml(value: object) -> str:
    """A string, boolean, integer, or a list or table of these, as relstore.toml writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{toml(key)} = {toml(item)}' for key, item in value.items())} }}"
    return f'"{value}"' if isinstance(value, str) else str(value)
