"""Messages as named tuples: to plain values and back, checked field by field by their annotations.

A message class is a NamedTuple whose fields are int, bool, str, bytes, Literal words (which are read as str),
Optional of these, tuples of these (``tuple[str, ...]``), checked names, or other such classes. Decoding
accepts exactly that. Fields that a class got later are left out while they are None, so that the bytes of
before stay the same. Not for bytes (``formats.pack``) nor for meaning beyond types and names.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Hashable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, TypeVar, Union

from relstore.errors import ProtocolError
from relstore.formats.cut_over import CutOver
from relstore.formats.names import (
    AppName,
    BackendName,
    Digest,
    JobId,
    PinName,
    TemplateName,
    UnitFileName,
    UnitName,
    as_text,
)
from relstore.formats.recipe import Recipe
from relstore.protocol.activation import Preflight, SupervisorOut
from relstore.protocol.common import Step
from relstore.protocol.reading import List, Listed, Log, LogRow, SlotOut, StatusOut
from relstore.protocol.upload import Compare, Compared

MAX_INT = (1 << 63) - 1

_GREW: Mapping[type, int] = MappingProxyType(
    {
        Recipe: 2,
        CutOver: 2,
        SlotOut: 1,
        StatusOut: 1,
        SupervisorOut: 1,
        LogRow: 1,
        List: 2,
        Log: 1,
        Listed: 1,
        Compare: 2,
        Compared: 1,
        Preflight: 1,
        Step: 1,
    }
)
"""How many of the last fields of a class came later."""

T = TypeVar("T")
Reader = Callable[[Any], Any]

_NAMES: dict[Any, Reader] = {
    AppName: AppName.parse,
    PinName: PinName.parse,
    JobId: JobId.parse,
    Digest: Digest.parse,
    UnitName: UnitName.parse,
    TemplateName: TemplateName.parse,
    UnitFileName: UnitFileName.parse,
    BackendName: BackendName.parse,
}


def to_values(message: Any) -> list[Any]:
    """The fields of a message as plain values; nested messages become lists too."""
    values = [_plain(field) for field in message]
    for _ in range(_GREW.get(type(message), 0)):
        if values[-1] is not None:
            break
        values.pop()
    return values


def from_values(kind: type[T], values: Any) -> T:
    """A message of ``kind`` from what ``to_values`` gives. Raises ProtocolError, or a name's own error."""
    readers = _readers(typing.cast(Hashable, kind))
    fewest = len(readers) - _GREW.get(kind, 0)
    if not isinstance(values, list) or not fewest <= len(values) <= len(readers):
        raise ProtocolError(f"a {kind.__name__} message without its {len(readers)} fields")
    return kind(*(reader(value) for reader, value in zip(readers, values)))


def readable(message: T) -> T:
    """``message`` with escapes for what of its texts is not UTF-8, as the names of a host's files may be."""
    value: Any = message
    if isinstance(value, tuple):
        items = [readable(item) for item in value]
        value = value._make(items) if hasattr(value, "_make") else tuple(items)
    elif isinstance(value, str):
        value = as_text(value)
    return typing.cast(T, value)


def _plain(field: Any) -> Any:
    if isinstance(field, tuple):
        return to_values(field)
    return str(field) if isinstance(field, str) else field


@cache
def _readers(kind: Any) -> list[Reader]:
    hints = typing.get_type_hints(kind)
    return [_reader(hints[name], f"{kind.__name__}.{name}") for name in kind._fields]


def _reader(hint: Any, where: str) -> Reader:
    if hint in _NAMES:
        return _checked(str, where, _NAMES[hint])
    if hint in (bool, str, bytes):
        return _checked(hint, where)
    if hint is int:
        return _checked(int, where, lambda value: _in_range(value, where))
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        # Which words there are is for the type checker: a newer side may send others.
        return _checked(str, where)
    if origin is Union and len(arguments) == 2 and arguments[1] is type(None):
        inner = _reader(arguments[0], where)
        return lambda value: None if value is None else inner(value)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        item = _reader(arguments[0], where)
        return _checked(list, where, lambda values: tuple(item(value) for value in values))
    if hasattr(hint, "_fields"):
        return lambda values: from_values(hint, values)
    raise TypeError(f"{where}: {hint!r} is no type that a message may have")


def _checked(kind: type, where: str, then: Reader = lambda value: value) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise ProtocolError(f"{where} is {type(value).__name__}, not {kind.__name__}")
        return then(value)

    return read


def _in_range(value: int, where: str) -> int:
    if not -MAX_INT <= value <= MAX_INT:
        raise ProtocolError(f"{where} is out of range")
    return value
