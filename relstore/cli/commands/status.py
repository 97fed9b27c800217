"""``relstore status``: what is current, and whether anything is wrong.

Only the command line is here, so that ssh can be started before the rest (``cli.status_report``) is imported.
"""

from __future__ import annotations

import click

from relstore.cli.command import RelstoreCommand, example
from relstore.cli.environment import environment_argument
from relstore.cli.invocation import at_once, invocation_of
from relstore.errors import UsageError


@example(
    "relstore status --to deploy@web1:/srv/web",
    "relstore status production --watch",
    "relstore status --check     # for Nagios, Icinga, or a script",
)
@click.command(cls=RelstoreCommand)
@environment_argument
@click.option(
    "--check",
    is_flag=True,
    help="One line for each app, and an exit code for monitoring: 0 good, 1 warning, 2 critical, 3 unknown.",
)
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
@click.pass_context
def status(ctx: click.Context, check: bool, watch: bool) -> None:
    """Show what is current, since when and by whom, and whether anything is wrong: of the app, or without one
    of all apps of the store.

    --check also asks the probes of the configuration, and restarts nothing. A host that cannot be asked is
    unknown.
    """
    invocation = invocation_of(ctx, at_once)
    if watch and (check or invocation.console.json or not invocation.console.terminal):
        raise UsageError(
            "--watch is for a terminal", hint="Without one, run `relstore status` again, or use --check."
        )
    from relstore.cli.status_report import show_status

    show_status(invocation, check=check, watch=watch)
