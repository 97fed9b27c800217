"""``relstore sudoers``: print the rule for sudo that lets an account act on the app's units, and no more."""

from __future__ import annotations

import getpass

import click

from relstore.cli.command import Command, example
from relstore.cli.options import settings
from relstore.client import unit_text as unit_file
from relstore.errors import UsageError
from relstore.formats.names import UnitName
from relstore.formats.recipe import ACTIONS, RESTART


@example("relstore sudoers --unit web --to deploy@web1:/srv/web", "relstore sudoers > relstore.sudoers")
@click.command(cls=Command)
@click.option("--unit", "units", multiple=True, metavar="UNIT", help="The unit. Repeatable.")
@click.option("--unit-action", type=click.Choice(ACTIONS), help="What is done with it.  [default: restart]")
@click.option("--account", metavar="NAME", help="Who may do it.  [default: who deploys]")
@click.pass_context
def sudoers(ctx: click.Context, units: tuple[str, ...], unit_action: str | None, account: str | None) -> None:
    """Print a fragment for /etc/sudoers.d: exactly what a deployment does with its units."""
    here = settings(ctx)
    names = tuple(map(UnitName.parse, units)) or here.config.units
    if not names:
        raise UsageError("which unit?", hint="Give --unit NAME, or set `unit` in relstore.toml.")
    who = account or next((target.user for target in here.targets if target.user), None) or getpass.getuser()
    text = unit_file.sudoers(who, names, unit_action or here.config.unit_action or RESTART)
    for line in text.splitlines():
        here.console.report(line)
    here.console.document("sudoers", account=who, text=text)
