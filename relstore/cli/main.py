"""The program: finds commands by name, and turns errors into messages and exit codes.

A command's module is imported only when the command is run, so that start-up stays short.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

import relstore
from relstore.cli import catalog, exit_codes
from relstore.cli.catalog import COMMANDS
from relstore.cli.completers import COMPLETE_VARIABLE
from relstore.cli.console import console_of, error_fields
from relstore.cli.given import given
from relstore.cli.options import common_options
from relstore.errors import RelstoreError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class RelstoreGroup(click.Group):
    """The group of all commands, which loads each one when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = catalog.meant(cmd_name)
        if name is None:
            return None
        module = importlib.import_module(f"relstore.cli.commands.{COMMANDS[name].module}")
        command: click.Command = getattr(module, name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command and its own name. Raises UsageError where there is none."""
        command = self.get_command(ctx, args[0])
        if command is None and ctx.resilient_parsing:
            return None, None, args[1:]
        if command is None:
            from relstore.cli.usage_errors import no_such_command

            raise no_such_command(args[0])
        return command.name, command, args[1:]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands in their groups, without loading them, and then the options."""
        width = max(len(listed.names(name)) for name, listed in COMMANDS.items())
        for title, group in catalog.GROUPS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(listed.names(name).ljust(width), listed.short) for name, listed in group.items()]
                )
        click.Command.format_options(self, ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names of the commands, without loading them, and the options."""
        from click.shell_completion import CompletionItem

        return [
            *(
                CompletionItem(name, help=COMMANDS[name].short)
                for name in COMMANDS
                if name.startswith(incomplete)
            ),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]

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
        if COMPLETE_VARIABLE in os.environ:
            from click.shell_completion import add_completion_class

            from relstore.cli.bash_completion import LineComplete

            add_completion_class(LineComplete)
        try:
            always = {"standalone_mode": False, "prog_name": "relstore"}
            sys.exit(super().main(*arguments, **{**attributes, **always}) or 0)
        except click.exceptions.Exit as ended:
            sys.exit(ended.exit_code)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(exit_codes.USAGE)
        except click.ClickException as error:
            from relstore.cli.usage_errors import restated

            context = (error.ctx if isinstance(error, click.UsageError) else None) or click.Context(self)
            if "--json" in (arguments[0] if arguments else sys.argv):
                given(context)["json"] = True  # it may stand behind what is wrong, where nothing was read
            sys.exit(_shown(context, restated(error)))
        except (click.Abort, KeyboardInterrupt):
            sys.stderr.write(
                "\ninterrupted; what a host has accepted continues there (`relstore attach` follows it)\n"
            )
            sys.exit(exit_codes.INTERRUPTED)


def _fail(ctx: click.Context, error: RelstoreError) -> NoReturn:
    ctx.exit(_shown(ctx, error))


def _shown(ctx: click.Context, error: RelstoreError) -> int:
    """Show an error, and return its exit code."""
    screen = console_of(ctx)
    screen.error(error)
    screen.document(ctx.find_root().invoked_subcommand or "", error=error_fields(error))
    return exit_codes.exit_code(error)


main = RelstoreGroup(
    name="relstore",
    params=[*common_options()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="COMMAND [ARGUMENTS]...",
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
