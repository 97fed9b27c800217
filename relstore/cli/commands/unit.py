"""``relstore unit``: print a hardened systemd unit for the app, or install it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from relstore import protocol
from relstore.cli.activation_options import ask_password
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import on_each, report
from relstore.cli.invocation import Invocation, invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.client.after_install import steps
from relstore.client.config.keys.cut_over import SLOT_PORT
from relstore.client.config.keys.release import LINK
from relstore.client.config.keys.service import ASK_BECOME_PASS, BECOME, UNIT, USER
from relstore.client.config.recipe import slots
from relstore.client.connection.session import Session
from relstore.client.slot_units import slot_units
from relstore.client.unit_text import Service, UnitFile, recovery, service
from relstore.client.unit_values import Credential, EnvFile, StateDirectory
from relstore.errors import UsageError
from relstore.formats.names import AppName, TemplateName, UnitFileName, UnitName, parse_unit
from relstore.formats.recipe import SUDO, Escalation
from relstore.protocol import Installed


@dataclass(frozen=True)
class _HostFacts:
    """What only a host knows, as far as the files need it."""

    root: str
    account: str = ""
    """The one that the helper runs as."""
    python: str = ""
    """The interpreter that it runs in."""


@dataclass(frozen=True)
class _Installation:
    """What was done at one host, and what is left to do there."""

    files: tuple[Installed, ...]
    left: tuple[str, ...]


@example(
    "relstore unit bin/web --app web --to deploy@web1:/srv/web",
    "relstore unit --install bin/web -- --port 80     # the program's arguments follow --",
    "relstore unit --name web@ --front 80 bin/web -- --socket '/run/web-{slot}/sock'     # two slots",
    "relstore unit bin/web --name web@ --slot-port 8001,8002 -- --port '{port}'",
    "relstore unit bin/web --env-file /etc/web/env --credential db=/etc/web/db-password",
    "relstore unit --recover --install",
)
@click.command(cls=RelstoreCommand)
@click.argument("program", required=False)
@click.argument("arguments", nargs=-1)
@click.option(
    "--name", metavar="UNIT", help="The unit's name; web@ is a template with two slots.  [default: the app's]"
)
@click.option(
    "--account", metavar="NAME", help="The account it runs as.  [default: one that systemd creates]"
)
@click.option(
    "--recover", is_flag=True, help="The unit that resolves interrupted activations at boot instead."
)
@click.option(
    "--front",
    metavar="PORT",
    type=click.IntRange(1, 65535),
    help="With a template: also a proxy of systemd's that listens on PORT, where no balancer does; with "
    "--cut-over socket, the socket on PORT that both releases share.",
)
@click.option(
    "--env-file",
    "env_files",
    metavar="PATH",
    multiple=True,
    help="A file of variables on the host for the service; -PATH may be missing. Repeatable.",
)
@click.option(
    "--credential",
    "credentials",
    metavar="NAME=PATH",
    multiple=True,
    help="A secret from a file on the host, which only the service can read. Repeatable.",
)
@click.option(
    "--state-directory",
    "state_directories",
    metavar="NAME",
    multiple=True,
    help="A directory below /var/lib to which the service may write. Repeatable.  [default: the app's name]",
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
    front: int | None,
    env_files: tuple[str, ...],
    credentials: tuple[str, ...],
    state_directories: tuple[str, ...],
    install: bool,
    force: bool,
) -> None:
    """Print a hardened unit that runs PROGRAM, a path inside the build, through `current`.

    Of a template, `web@`, the slots web@a and web@b run it through `slots/a` and `slots/b`.
    """
    invocation = invocation_of(ctx)
    user = invocation.settings.get(USER)
    if recover == bool(program):
        raise UsageError(
            "no program for the unit", hint="Give PROGRAM, its path inside the build, or --recover."
        )
    if recover and (env_files or credentials or state_directories):
        raise UsageError(
            "--recover makes a unit of relstore's own, which needs none of the service's files",
            hint="Leave out --env-file, --credential and --state-directory.",
        )
    app = invocation.app or AppName("app")
    if program and invocation.app is None:
        raise UsageError("no app", hint="Give --app NAME, or set `app` in relstore.toml.")
    unit_name = _name(invocation, name, app, recover=recover)
    template = unit_name if isinstance(unit_name, TemplateName) else None
    cut_over = None if recover else slots(invocation.settings, template)
    ports = invocation.settings.get(SLOT_PORT)
    read = tuple(map(EnvFile.parse, env_files))
    secrets = _distinct(tuple(map(Credential.parse, credentials)))
    states = tuple(dict.fromkeys(map(StateDirectory.parse, state_directories)))
    data = tuple(link.target for link in invocation.settings.get(LINK) or ())

    def files(host: _HostFacts) -> list[UnitFile]:
        if recover:
            text = recovery(host.root, host.python, account=account or host.account, user=user)
            return [UnitFile(unit_name, text)]
        runs = Service(
            app, host.root, program or "", arguments, account or "", user, read, secrets, states, data
        )
        if cut_over is None:
            return [UnitFile(unit_name, service(runs))]
        return slot_units(runs, cut_over, front=front, ports=ports)

    if not install:
        _print(invocation, files, must_ask=recover)
        return
    become: Escalation = invocation.settings.get(BECOME) or ""
    password = ask_password() if invocation.settings.get(ASK_BECOME_PASS) else ""

    async def at_host(session: Session, _: ConsoleReporter) -> _Installation:
        if password:
            await session.ask(protocol.Become(password), protocol.Done)
        made = files(await _ask(session))
        done = []
        for file in made:
            request = protocol.InstallUnit(
                UnitFileName(file.name), file.text, user, SUDO if password else become, force
            )
            installed, _body = await session.ask(request, Installed)
            done.append(installed)
        if user:
            await _say_whether_it_lingers(invocation, session)
        sudo = bool(become or password) and session.hello.account != "root"
        left = steps([file.name for file in made], cut_over, app, session.hello.root, user=user, sudo=sudo)
        return _Installation(tuple(done), tuple(left))

    def show(host: str, installation: _Installation) -> None:
        for file in installation.files:
            invocation.console.say(
                f"{file.path} on {host} {'is installed' if file.changed else 'was installed already'}"
            )
        for step in installation.left:
            invocation.console.say(f"  next, once on {host}: {step}", hang=None)

    report(
        "unit",
        on_each(invocation, at_host),
        invocation,
        show,
        _fields,
        name=unit_name,
    )


def _distinct(credentials: tuple[Credential, ...]) -> tuple[Credential, ...]:
    """Of two of one name, systemd would take one without a word."""
    names = [credential.name for credential in credentials]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"there are two credentials {twice!r}", hint="Give one of them another name.")
    return credentials


def _fields(installation: _Installation) -> dict[str, Any]:
    own = installation.files[0]
    return {
        "path": own.path,
        "changed": any(file.changed for file in installation.files),
        "files": [file._asdict() for file in installation.files],
        "next": list(installation.left),
    }


def _name(invocation: Invocation, given: str | None, app: AppName, *, recover: bool) -> UnitName:
    if given:
        return parse_unit(given)
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


async def _ask(session: Session) -> _HostFacts:
    supervisor, _body = await session.ask(protocol.Supervisor(), protocol.SupervisorOut)
    hello = session.hello
    return _HostFacts(hello.root, hello.account.removeprefix("uid "), supervisor.python or "")


def _print(invocation: Invocation, files: Callable[[_HostFacts], list[UnitFile]], *, must_ask: bool) -> None:
    """For the first target. The path of the store may be known without asking the host."""
    target = invocation.need_targets()[0]
    if target.path.startswith("/") and not must_ask:
        made = files(_HostFacts(target.path))
    else:

        async def at_host(session: Session, _: ConsoleReporter) -> list[UnitFile]:
            return files(await _ask(session))

        made = on_each(invocation, at_host)[0].value or []
    content = "\n".join(f"# {file.name}\n{file.text}" for file in made) if len(made) > 1 else made[0].text
    for line in content.splitlines():
        invocation.console.report(line)
    invocation.console.document("unit", name=made[0].name, text=content)
