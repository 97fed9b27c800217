"""What the options that are not a command's own were given, wherever on the command line they stand.

Not for what the values mean (``layers``, ``invocation``).
"""

from __future__ import annotations

import click

from relstore.errors import UsageError

ENVIRONMENT = "environment"
"""The argument that is the same as ``--env``."""


def keep_value(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """A click callback: keep what was given in the root context's ``obj``."""
    flags = given(context)
    name = str(parameter.name)
    on_command_line = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    # An option after the command's name overrides the same one before it.
    if value not in (None, ()) and (on_command_line or name not in flags):
        flags[name] = value


def given(context: click.Context) -> dict[str, object]:
    """What ``keep_value`` has kept, by the name of the parameter."""
    flags: dict[str, object] = context.find_root().ensure_object(dict)
    return flags


def chosen_environment(context: click.Context) -> str | None:
    """The name that was given in either way; None for the default. Raises UsageError for two names."""
    options = given(context)
    argument, option = options.get(ENVIRONMENT), options.get("env")
    typed = click.core.ParameterSource.COMMANDLINE in (
        context.get_parameter_source("env"),
        context.find_root().get_parameter_source("env"),
    )
    if argument is not None and typed and option != argument:
        raise UsageError(f"two environments, {argument!r} and {option!r}", hint="Name one of the two.")
    name = option if argument is None else argument
    return None if name is None else str(name)
