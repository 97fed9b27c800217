"""``relstore sudoers``: print the rule for sudo that lets an account act on the app's units, and no more."""

from __future__ import annotations

import getpass
from typing import NamedTuple

import click

from relstore import protocol
from relstore.cli.command import Command, example
from relstore.cli.each_host import on_each
from relstore.cli.options import Settings, settings
from relstore.cli.progress import ConsoleReporter
from relstore.client import unit_text as unit_file
from relstore.client.connection.session import Session
from relstore.errors import RelstoreError, UsageError
from relstore.formats.names import UnitName
from relstore.formats.recipe import ACTIONS, RESTART

_PATHS = ("/usr/bin/systemctl", "/bin/systemctl")
"""Where systemctl may be: the second one where /usr is not merged (Debian 11 without usrmerge)."""


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
    hosts = _ask_hosts(here)
    said = next((host.account for host in hosts if host.account != "root"), None)
    in_target = next((target.user for target in here.targets if target.user), None)
    who = account or in_target or said or getpass.getuser()
    paths = tuple(dict.fromkeys(host.systemctl for host in hosts if host.systemctl)) or _PATHS
    action = unit_action or here.config.unit_action or RESTART
    text = unit_file.sudoers(who, names, action, paths=paths)
    for line in text.splitlines():
        here.console.report(line)
    here.console.document("sudoers", account=who, text=text)


class _Host(NamedTuple):
    """What a host says about itself."""

    account: str
    """The account that deploys there."""
    systemctl: str
    """The path by which sudo runs systemctl."""


def _ask_hosts(here: Settings) -> list[_Host]:
    """What the targets that can be reached say; the rule can be printed without them too."""

    async def at_host(session: Session, _: ConsoleReporter) -> _Host:
        reply, _body = await session.ask(protocol.Supervisor(), protocol.SupervisorOut)
        return _Host(session.hello.account, reply.systemctl)

    if not here.targets:
        return []
    try:
        outcomes = on_each(here, at_host)
    except RelstoreError as error:
        here.console.note(f"the path of systemctl is a guess: {error.what}")
        return []
    for outcome in outcomes:
        if outcome.error is not None:
            here.console.note(
                f"{outcome.target.label} was not asked for the path of systemctl: {outcome.error.what}"
            )
    return [outcome.value for outcome in outcomes if outcome.value is not None]
