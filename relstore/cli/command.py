"""What every command has: the common options, its settings' flags, and examples in its help."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from relstore.cli import completers
from relstore.cli.flags import parameter_of
from relstore.cli.options import common_options
from relstore.client.config.table import settings_of
from relstore.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_STEP = re.compile(r"-[1-9][0-9]*\Z")
_SPEC = re.compile(r"[+-][1-9][0-9]{0,8}|[1-9][0-9]{0,9}|commit:[0-9a-f]{4,64}|[0-9a-f]{6,64}", re.ASCII)
_SPEC_HELP = "a number, -1 or +1, the beginning of a build id (6 digits or more), or commit:PREFIX"
_MARK = "\0"


class RelstoreCommand(click.Command):
    """A command with the common options, and the flags of the settings that it takes."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.params.extend([*map(parameter_of, settings_of(str(self.name))), *common_options()])


class SpecCommand(RelstoreCommand):
    """A command among whose arguments ``-1`` is a generation, not an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        marked = [_MARK + arg if _STEP.match(arg) else arg for arg in args]
        return super().parse_args(ctx, marked)


class Spec(click.ParamType[str]):
    """A generation: a number, ``-1``, ``+1``, the beginning of a build id, or ``commit:PREFIX``."""

    name = "generation"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        spec = str(value).removeprefix(_MARK)
        if not _SPEC.fullmatch(spec):
            # The host says so too; no connection is needed to know it.
            raise UsageError(f"{spec[:80]!r} does not name a generation", hint=f"Give {_SPEC_HELP}.")
        return spec

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return completers.generations(ctx, param, incomplete)


def each_its_own_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--each-its-own`` to a command that changes what a Spec names."""
    option = click.option(
        "--each-its-own",
        is_flag=True,
        help="With several targets, let GENERATION mean a different build at each of them.",
    )
    return option(command)


def example(*lines: str) -> Callable[[Any], Any]:
    """Add examples to the end of a command's help."""

    def decorate(command: click.Command) -> click.Command:
        command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
        return command

    return decorate
