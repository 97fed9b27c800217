"""``relstore sudoers``: print the sudo rule that lets an account manage the app's units, and no more."""

from __future__ import annotations

import click

from relstore.cli.command import RelstoreCommand, example
from relstore.cli.invocation import invocation_of
from relstore.client.config.keys.service import UNIT, UNIT_ACTION
from relstore.client.unit_text import sudoers as sudoers_text
from relstore.errors import UsageError


@example("relstore sudoers --unit web --to deploy@web1:/srv/web", "relstore sudoers > relstore.sudoers")
@click.command(cls=RelstoreCommand)
@click.option(
    "--account", metavar="NAME", help="The account that may do it.  [default: the one that deploys]"
)
@click.pass_context
def sudoers(ctx: click.Context, account: str | None) -> None:
    """Print a file for /etc/sudoers.d that allows exactly what a deployment does with its units."""
    invocation = invocation_of(ctx)
    names = invocation.settings.get(UNIT)
    if not names:
        raise UsageError("no unit", hint="Give --unit NAME, or set `unit` in relstore.toml.")
    who = (
        account
        or next((target.user for target in invocation.targets if target.user), None)
        or invocation.account.user
    )
    text = sudoers_text(who, names, invocation.settings.get(UNIT_ACTION))
    for line in text.splitlines():
        invocation.console.report(line)
    invocation.console.document("sudoers", account=who, text=text)
