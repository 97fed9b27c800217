"""``relstore unit``: print a good systemd unit for the app, or put it in place."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import Any

import click

from relstore import protocol
from relstore.cli.command import Command, example
from relstore.cli.each_host import on_each, report
from relstore.cli.options import Settings, settings
from relstore.cli.progress import ConsoleReporter
from relstore.client import unit_text as unit_file
from relstore.client.connection.session import Session
from relstore.errors import UsageError
from relstore.formats.names import AppName, UnitName
from relstore.protocol import Installed

_PYTHON = "/usr/bin/python3"


@example(
    "relstore unit bin/web --app web --to deploy@web1:/srv/web",
    "relstore unit --install bin/web -- --port 80     # what follows -- are its arguments",
    "relstore unit --recover --install",
)
@click.command(cls=Command)
@click.argument("program", required=False)
@click.argument("arguments", nargs=-1)
@click.option("--name", metavar="UNIT", help="The unit's name.  [default: the app's]")
@click.option("--account", metavar="NAME", help="Whom it runs as.  [default: an account that systemd makes]")
@click.option("--user/--no-user", default=None, help="For the account's own manager (systemctl --user).")
@click.option("--recover", is_flag=True, help="Instead, the unit that resolves at boot what was cut off.")
@click.option("--install", is_flag=True, help="Put it in place and enable it.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--become", type=click.Choice(["sudo"]), help="Write it through sudo.")
@click.option("--ask-become-pass", is_flag=True, default=None, help="Ask for sudo's password.")
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
    **how: Any,
) -> None:
    """Print a hardened unit that runs PROGRAM, a path inside the build, through `current`."""
    here = settings(ctx)
    user = bool(here.config.user if how["user"] is None else how["user"])
    if recover == bool(program):
        raise UsageError(
            "what is the unit to run?", hint="Give PROGRAM, the path inside the build; or --recover."
        )
    app = here.app or AppName("app")
    if program and here.app is None:
        raise UsageError("which app?", hint="Give --app NAME.")
    unit_name = _name(here, name, app, recover=recover)

    def text(root: str, helper_account: str) -> str:
        if recover:
            python = here.account.python or _PYTHON
            return unit_file.recovery(root, python, account=account or helper_account, user=user)
        what = unit_file.Service(app, root, program or "", arguments, account or "", user)
        return unit_file.service(what)

    if not install:
        _print(here, unit_name, text, needs_account=recover and not account and not user)
        return
    become = how["become"] or here.config.become or ""
    ask = here.config.ask_become_pass if how["ask_become_pass"] is None else how["ask_become_pass"]
    password = getpass.getpass("sudo password on the hosts: ") if ask else ""

    async def put(session: Session, _: ConsoleReporter) -> Installed:
        if password:
            await session.ask(protocol.Become(password), protocol.Done)
        request = protocol.InstallUnit(
            unit_name, _at_host(text, session), user, "sudo" if password else become, force
        )
        found, _body = await session.ask(request, Installed)
        if user:
            await _say_whether_it_lingers(here, session)
        return found

    def show(host: str, found: Installed) -> None:
        here.console.say(f"{found.path} on {host} {'is in place' if found.changed else 'was so already'}")

    report("unit", on_each(here, put), here, show, lambda found: found._asdict(), name=unit_name)


def _name(here: Settings, given: str | None, app: AppName, *, recover: bool) -> UnitName:
    if given:
        return UnitName.parse(given)
    if recover:
        return UnitName("relstore-recover.service")
    return here.config.units[0] if here.config.units else UnitName.parse(app)


async def _say_whether_it_lingers(here: Settings, session: Session) -> None:
    supervisor, _body = await session.ask(protocol.Supervisor(), protocol.SupervisorOut)
    if not supervisor.lingers:
        account = session.hello.account
        here.console.note(
            f"{session.label}: the services of {account} stop when its last session ends. "
            f"Once, as root there: loginctl enable-linger {account}"
        )


def _at_host(text: Callable[[str, str], str], session: Session) -> str:
    """The text for this host. Only the host knows its store's path, and which account its helper runs as."""
    return text(session.hello.root, session.hello.account.removeprefix("uid "))


def _print(here: Settings, name: UnitName, text: Callable[[str, str], str], *, needs_account: bool) -> None:
    """For the first target. The host may have to be asked for the path of its store and for the account."""
    target = here.need_targets()[0]
    if target.path.startswith("/") and not needs_account:
        content = text(target.path, "")
    else:

        async def at_host(session: Session, _: ConsoleReporter) -> str:
            return _at_host(text, session)

        content = str(on_each(here, at_host)[0].value)
    for line in content.splitlines():
        here.console.report(line)
    here.console.document("unit", name=name, text=content)
