"""The flags that set a key of relstore.toml, made from the keys' declarations.

Not for options that no key stands behind; each command has those of its own.
"""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from relstore.cli.completers import OF_SETTING
from relstore.cli.given import keep_value
from relstore.client.config.setting import Setting


class SettingText(click.ParamType[str]):
    """The text of a value; the setting reads it later, when relative paths have a meaning."""

    name = "text"

    def __init__(self, choices: tuple[str, ...]) -> None:
        self.choices = choices

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(choice) for choice in self.choices if choice.startswith(incomplete)]


def parameter_of(setting: Setting[object]) -> click.Parameter:
    """The setting's flag, or the argument that it is."""
    if not setting.is_argument:
        return flag_of(setting)
    return click.Argument(
        [setting.name],
        required=False,
        metavar=f"[{setting.name.upper()}]",
        expose_value=False,
        callback=keep_value,
        shell_complete=OF_SETTING.get(setting.name),
    )


def flag_of(setting: Setting[object]) -> click.Option:
    """The setting's flag."""
    kind = setting.kind
    attributes: dict[str, Any] = {"help": _help(setting), "expose_value": False, "callback": keep_value}
    if not kind.placeholder:
        return click.Option([f"--{setting.name}/--no-{setting.name}"], default=None, **attributes)
    return click.Option(
        [f"--{setting.name}"],
        type=SettingText(kind.choices),
        multiple=kind.repeatable,
        metavar=kind.placeholder,
        shell_complete=OF_SETTING.get(setting.name),
        **attributes,
    )


def _help(setting: Setting[object]) -> str:
    repeatable = " Repeatable." if setting.kind.repeatable else ""
    default = setting.default_text
    # That a switch is off by default goes without saying.
    shown = f"  [default: {default}]" if default not in ("", "false") else ""
    return f"{setting.help}{repeatable}{shown}"
