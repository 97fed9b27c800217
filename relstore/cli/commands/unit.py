"""``relstore unit``: print a hardened systemd unit for the app, or install it."""

from __future__ import annotations

from collections.abc import Callable

import click

from relstore import protocol
from relstore.cli.activation_options import ask_password
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import on_each, report
from relstore.cli.invocation import Invocation, invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.client.config.keys.service import ASK_BECOME_PASS, BECOME, UNIT, USER
from relstore.client.connection.session import Session
from relstore.client.unit_text import Service, recovery, service
from relstore.errors import UsageError
from relstore.formats.names import AppName, UnitName
from relstore.formats.recipe import SUDO, Escalation
from relstore.protocol import Installed

_PYTHON = "/usr/bin/python3"


@example(
    "relstore unit bin/web --app web --to deploy@web1:/srv/web",
    "relstore unit --install bin/web -- --port 80     # the program's arguments follow --",
    "relstore unit --recover --install",
)
@click.command(cls=RelstoreCommand)
@click.argument("program", required=False)
@click.argument("arguments", nargs=-1)
@click.option("--name", metavar="UNIT", help="The unit's name.  [default: the app's]")
@click.option(
    "--account", metavar="NAME", help="The account it runs as.  [default: one that systemd creates]"
)
@click.option(
    "--recover", is_flag=True, help="The unit that resolves interrupted activations at boot instead."
)
@click.option("--install", is_flag=True, help="Install the unit on the hosts and enable it.")
@click.option("--force", is_flag=True, help="Replace an existing file that differs.")
@click.pass_context
def unit(
    ctx: click.Context,
    /,
    program: str | None,
    arguments: tuple[str, ...],
    name: str | None,
    account: str | None,
    recover: bool,
    install: bool,
    force: bool,
) -> None:
    """Print a hardened unit that runs PROGRAM, a path inside the build, through `current`."""
    invocation = invocation_of(ctx)
    user = invocation.settings.get(USER)
    if recover == bool(program):
        raise UsageError(
            "no program for the unit", hint="Give PROGRAM, its path inside the build, or --recover."
        )
    app = invocation.app or AppName("app")
    if program and invocation.app is None:
        raise UsageError("no app", hint="Give --app NAME, or set `app` in relstore.toml.")
    unit_name = _name(invocation, name, app, recover=recover)

    def text(root: str, helper_account: str) -> str:
        if recover:
            python = invocation.account.python or _PYTHON
            return recovery(root, python, account=account or helper_account, user=user)
        return service(Service(app, root, program or "", arguments, account or "", user))

    if not install:
        _print(invocation, unit_name, text, needs_account=recover and not account and not user)
        return
    become: Escalation = invocation.settings.get(BECOME) or ""
    password = ask_password() if invocation.settings.get(ASK_BECOME_PASS) else ""

    async def at_host(session: Session, _: ConsoleReporter) -> Installed:
        if password:
            await session.ask(protocol.Become(password), protocol.Done)
        request = protocol.InstallUnit(
            unit_name, _at_host(text, session), user, SUDO if password else become, force
        )
        installed, _body = await session.ask(request, Installed)
        if user:
            await _say_whether_it_lingers(invocation, session)
        return installed

    def show(host: str, installed: Installed) -> None:
        invocation.console.say(
            f"{installed.path} on {host} {'is installed' if installed.changed else 'was installed already'}"
        )

    report(
        "unit",
        on_each(invocation, at_host),
        invocation,
        show,
        lambda installed: installed._asdict(),
        name=unit_name,
    )


def _name(invocation: Invocation, given: str | None, app: AppName, *, recover: bool) -> UnitName:
    if given:
        return UnitName.parse(given)
    if recover:
        return UnitName("relstore-recover.service")
    units = invocation.settings.get(UNIT)
    return units[0] if units else UnitName.parse(app)


async def _say_whether_it_lingers(invocation: Invocation, session: Session) -> None:
    supervisor, _body = await session.ask(protocol.Supervisor(), protocol.SupervisorOut)
    if not supervisor.lingers:
        account = session.hello.account
        invocation.console.note(
            f"{session.label}: the services of {account} stop when its last session ends. "
            f"Once, as root there: loginctl enable-linger {account}"
        )


def _at_host(text: Callable[[str, str], str], session: Session) -> str:
    """The text for this host. Only the host knows its store's path, and which account its helper runs as."""
    return text(session.hello.root, session.hello.account.removeprefix("uid "))


def _print(
    invocation: Invocation, name: UnitName, text: Callable[[str, str], str], *, needs_account: bool
) -> None:
    """For the first target. The host may have to be asked for the path of its store and for the account."""
    target = invocation.need_targets()[0]
    if target.path.startswith("/") and not needs_account:
        content = text(target.path, "")
    else:

        async def at_host(session: Session, _: ConsoleReporter) -> str:
            return _at_host(text, session)

        content = str(on_each(invocation, at_host)[0].value)
    for line in content.splitlines():
        invocation.console.report(line)
    invocation.console.document("unit", name=name, text=content)
