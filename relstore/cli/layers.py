"""Reading settings from flags and from environment variables, as relstore.toml's keys are read.

Not for putting the layers together (``invocation``).
"""

from __future__ import annotations

from collections.abc import Mapping

from relstore.client.config.setting import PathBase, Setting
from relstore.client.config.table import all_settings
from relstore.client.config.values import Values
from relstore.errors import UsageError


def flag_values(flags: Mapping[str, object], base: PathBase) -> Values:
    """What the flags set. Raises UsageError."""
    values = {}
    for name, setting in all_settings().items():
        value = flags.get(name.replace("-", "_"))
        if value is not None:
            label = name.upper() if setting.is_argument else f"--{name}"
            values[name] = _read(setting, value, base, label)
    return Values(values)


def variable_values(environment: Mapping[str, str], base: PathBase) -> Values:
    """What environment variables set. Empty ones set nothing. Raises UsageError."""
    values = {}
    for name, setting in all_settings().items():
        text = environment.get(setting.variable) if setting.variable else None
        if text:
            value = tuple(text.split()) if setting.kind.repeatable else text
            values[name] = _read(setting, value, base, setting.variable)
    return Values(values)


def _read(setting: Setting[object], value: object, base: PathBase, label: str) -> object:
    kind = setting.kind
    try:
        if isinstance(value, tuple):
            value = [kind.from_flag(text) for text in value]
        elif isinstance(value, str):
            value = kind.from_flag(value)
        return kind.read(value, base)
    except UsageError as error:
        raise type(error)(f"{label}: {error.what}", hint=error.hint) from None
