"""``relstore sudoers``: print the sudo rule that lets an account manage the app's units, and no more."""

from __future__ import annotations

from typing import NamedTuple

import click

from relstore import protocol
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import on_each
from relstore.cli.invocation import Invocation, invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.client.config.keys.service import UNIT, UNIT_ACTION
from relstore.client.config.recipe import slots as slots_of
from relstore.client.connection.session import Session
from relstore.client.unit_text import sudoers as sudoers_text
from relstore.errors import RelstoreError, UsageError
from relstore.formats.cut_over import SLOTS
from relstore.formats.names import TemplateName

_PATHS = ("/usr/bin/systemctl", "/bin/systemctl")
"""Where systemctl may be: the second one where /usr is not merged (Debian 11 without usrmerge)."""


@example(
    "relstore sudoers --unit web --to deploy@web1:/srv/web",
    "relstore sudoers --unit web@     # both slots of a template",
    "relstore sudoers > relstore.sudoers",
)
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
    template = names[0] if isinstance(names[0], TemplateName) else None
    cut_over = slots_of(invocation.settings, template)
    if template is not None:
        names = tuple(template.instance(slot) for slot in SLOTS)
    hosts = _ask_hosts(invocation)
    in_target = next((target.user for target in invocation.targets if target.user), None)
    on_host = next((host.account for host in hosts if host.account != "root"), None)
    who = account or in_target or on_host or invocation.account.user
    paths = tuple(dict.fromkeys(host.systemctl for host in hosts if host.systemctl)) or _PATHS
    text = sudoers_text(
        who,
        names,
        invocation.settings.get(UNIT_ACTION),
        paths,
        slots=cut_over is not None,
        trial=cut_over.trial if cut_over else None,
    )
    for line in text.splitlines():
        invocation.console.report(line)
    invocation.console.document("sudoers", account=who, text=text)


class _Host(NamedTuple):
    """What a host reports about itself."""

    account: str
    """The account that deploys there."""
    systemctl: str
    """The path by which sudo runs systemctl."""


def _ask_hosts(invocation: Invocation) -> list[_Host]:
    """What the targets that can be reached report; the rule can be printed without them too."""

    async def at_host(session: Session, _: ConsoleReporter) -> _Host:
        reply, _body = await session.ask(protocol.Supervisor(), protocol.SupervisorOut)
        return _Host(session.hello.account, reply.systemctl)

    if not invocation.targets:
        return []
    try:
        outcomes = on_each(invocation, at_host)
    except RelstoreError as error:
        invocation.console.note(f"the path of systemctl is a guess: {error.what}")
        return []
    for outcome in outcomes:
        if outcome.error is not None:
            invocation.console.note(
                f"{outcome.target.label} was not asked for the path of systemctl: {outcome.error.what}"
            )
    return [outcome.value for outcome in outcomes if outcome.value is not None]
