"""The program: finds commands by name, and turns errors into messages and exit codes.

A command's module is imported only when the command is run, so that start-up stays short.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, NoReturn

import click

import relstore
from relstore.cli import exit_codes
from relstore.cli.console import console_of, error_fields
from relstore.cli.options import common_options
from relstore.errors import RelstoreError

COMMANDS = {
    "push": "push",
    "switch-generation": "switch_generation",
    "rollback": "switch_generation",
    "restart": "restart",
    "list-generations": "list_generations",
    "status": "status",
    "show": "show",
    "diff": "diff",
    "log": "log",
    "attach": "attach",
    "pin": "pin",
    "unpin": "pin",
    "mark": "mark",
    "hold": "hold",
    "unhold": "hold",
    "delete-generations": "delete_generations",
    "verify": "verify",
    "gc": "gc",
    "unit": "unit",
    "sudoers": "sudoers",
    "cache": "cache",
    "init": "init",
    "demo": "demo",
    "completion": "completion",
}
"""Command to module, in the order of the help."""


class RelstoreGroup(click.Group):
    """The group of all commands, which loads each one when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"relstore.cli.commands.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error becomes its message and its exit code."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except RelstoreError as error:
            _fail(ctx, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, a person must get a message
            from relstore.cli.unexpected import trace, unexpected

            console_of(ctx).detail(trace(error))
            _fail(ctx, unexpected(error))

    def main(self, *arguments: Any, **attributes: Any) -> Any:
        """Run, and end with a documented code. Nothing but ``-v`` shows a traceback."""
        try:
            sys.exit(super().main(*arguments, **{**attributes, "standalone_mode": False}) or 0)
        except click.exceptions.Exit as ended:
            sys.exit(ended.exit_code)
        except click.ClickException as error:
            error.show()
            sys.exit(exit_codes.USAGE)
        except (click.Abort, KeyboardInterrupt):
            sys.stderr.write(
                "\ninterrupted; what a host has accepted continues there (`relstore attach` follows it)\n"
            )
            sys.exit(exit_codes.INTERRUPTED)


def _fail(ctx: click.Context, error: RelstoreError) -> NoReturn:
    screen = console_of(ctx)
    screen.error(error)
    screen.document(str(ctx.invoked_subcommand), error=error_fields(error))
    ctx.exit(exit_codes.exit_code(error))


main = RelstoreGroup(
    name="relstore",
    params=[*common_options()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="""Deploy releases to ordinary Linux hosts over SSH: stored by content, made live by one atomic
    switch, rolled back by one command.

    \b
    First steps:
      relstore push ./site --to user@host:/srv/site
      relstore list-generations --to user@host:/srv/site
      relstore switch-generation -1 --to user@host:/srv/site
    """,
    no_args_is_help=True,
)
main = click.version_option(relstore.__version__, prog_name="relstore")(main)
