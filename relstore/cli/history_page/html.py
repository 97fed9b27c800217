"""HTML that is put together from elements, so that no text gets into it unescaped. Pure.

A ``str`` is text and is escaped wherever it is used; ``Html`` is what ``element``, ``joined`` and ``trusted``
make. Not for what a page says.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from relstore.cli import text

_VOID = frozenset(("link", "meta"))
_NONCHARACTER = re.compile(
    "[\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)
"""What no page may have, says HTML."""

Attribute = str | int | bool | None
"""An attribute that is None or False is left out, and one that is True has no value."""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, /, *children: str | None, **attributes: Attribute) -> Html:
    """``<name …>children</name>``. An underscore in an attribute's name is a hyphen, a last one nothing."""
    shown = "".join(map(_attribute, attributes.items()))
    if name in _VOID:
        return Html(f"<{name}{shown}>")
    return Html(f"<{name}{shown}>{joined(children)}</{name}>")


def joined(parts: Iterable[str | None], between: str = "") -> Html:
    """The parts one after the other; None is nothing."""
    return Html(_escaped(between).join(_escaped(part) for part in parts if part is not None))


def trusted(markup: str) -> Html:
    """``markup`` that is written in this program."""
    return Html(markup)


def _attribute(item: tuple[str, Attribute]) -> str:
    name, value = item
    if value is None or value is False:
        return ""
    name = name.removesuffix("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{_escaped(str(value))}"'


def _escaped(value: str) -> str:
    if isinstance(value, Html):
        return value
    safe = _NONCHARACTER.sub(lambda match: f"\\u{ord(match[0]):04x}", text.escape(value))
    return html.escape(safe)
