"""``relstore init``: write a commented relstore.toml, with what is known already set in it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from relstore.cli.command import RelstoreCommand, example
from relstore.cli.console import console_of
from relstore.cli.given import given
from relstore.client.config.keys.health import HTTP
from relstore.client.config.keys.release import ARTIFACT
from relstore.client.config.keys.service import BECOME, UNIT, USER
from relstore.client.config.keys.target import APP, TO
from relstore.client.config.load import FILE_NAME
from relstore.client.config.setting import PathBase, Setting
from relstore.client.config.template import template
from relstore.client.target import Target
from relstore.errors import RelstoreError, UsageError
from relstore.formats.recipe import SUDO

_INSTALL = "relstore unit --install PROGRAM"
_INSTALL_SLOTS = "relstore unit --install --front 80 PROGRAM -- --socket '/run/web-{slot}/sock'"
_ASKED: tuple[tuple[Setting[object], str], ...] = (
    (TO, "Where to deploy to, as user@host:/path"),
    (ARTIFACT, "What to push, a file or a directory"),
    (UNIT, "The systemd unit that runs it"),
    (HTTP, "A URL that the host can ask whether it is healthy"),
)


@dataclass(frozen=True)
class _Wishes:
    """What is to be set, as it was typed."""

    to: Sequence[str] = ()
    artifact: str = ""
    unit: str = ""
    http: str = ""
    user: bool = False

    @property
    def needs_sudo(self) -> bool:
        """Whether an account that is not root is to manage a unit of the system."""
        targets = [Target.parse(text, "/") for text in self.to]
        return bool(self.unit) and not self.user and any(target.user != "root" for target in targets)


@example(
    "relstore init",
    "relstore init --to deploy@web1:/srv/web --artifact dist/web --unit web --http http://127.0.0.1:8080/",
    "relstore init --slots services/web     # for cut-over",
)
@click.command(cls=RelstoreCommand)
@click.argument("directory", default=".", type=click.Path(path_type=Path))
@click.option("--slots", is_flag=True, help="For an app with two slots: cut-over without a failed request.")
@click.option("--artifact", default="", metavar="PATH", help="Set what is pushed.")
@click.option("--unit", default="", metavar="UNIT", help="Set the systemd unit that runs it.")
@click.option("--http", default="", metavar="URL", help="Set the URL that tells whether it is healthy.")
@click.option("--user", is_flag=True, help="The unit belongs to the account's own manager.")
@click.pass_context
def init(
    ctx: click.Context, directory: Path, slots: bool, artifact: str, unit: str, http: str, user: bool
) -> None:
    """Write a relstore.toml into DIRECTORY, with every key explained. An existing file is left as it is.

    --to, --artifact, --unit and --http set the keys of these names, as they would stand in the file. On a
    terminal, and without any of them, init asks for each.
    """
    path = directory / FILE_NAME
    if path.exists() or path.is_symlink():
        raise _exists(path)
    screen = console_of(ctx)
    to = given(ctx).get("to")
    wishes = _Wishes(tuple(map(str, to)) if isinstance(to, tuple) else (), artifact, unit, http, user)
    if wishes == _Wishes() and _is_at_terminal() and not (screen.json or screen.quiet):
        wishes = _ask()
    live = _live(wishes, given(ctx).get("app"), slots=slots)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(template(slots=slots, live=live))
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise RelstoreError(f"{path} cannot be written: {error.strerror}") from None
    following = _next(wishes, slots=slots)
    missing = "" if live else "; set `to`, `artifact`, `unit`, `become` and `http` in it, then"
    screen.say(f"wrote {path}{missing or '; next'}:")
    for command, why in following:
        screen.say(f"  {command}  # {why}", hang=None)
    screen.document("init", path=str(path), set=list(live), next=[command for command, _ in following])


def _next(wishes: _Wishes, *, slots: bool) -> list[tuple[str, str]]:
    """The commands that follow, each with what it does."""
    is_open = wishes == _Wishes()
    steps = []
    if is_open or wishes.unit:
        units = "the units" if slots else "a unit that runs the app"
        who = "once for each host" if wishes.user else "once for each host, as root"
        install = _INSTALL_SLOTS if slots else _INSTALL
        steps.append((f"{install} --user" if wishes.user and not slots else install, f"{who}: {units}"))
    if is_open or wishes.needs_sudo:
        what = "both slots" if slots else "it"
        steps.append(("relstore sudoers", f"prints the rule that lets your account manage {what}"))
    steps.append(("relstore check", "whether every host is ready for `relstore push`, and what to do if not"))
    return steps


def _live(wishes: _Wishes, app: object, *, slots: bool) -> Mapping[str, object]:
    """The keys that the file sets. Raises UsageError for what it could not be read from."""
    live: dict[str, object] = {}
    if wishes.to:
        live[TO.name] = wishes.to[0] if len(wishes.to) == 1 else list(wishes.to)
    if app:
        live[APP.name] = str(app)
    for setting, text in ((ARTIFACT, wishes.artifact), (UNIT, wishes.unit), (HTTP, wishes.http)):
        if text:
            live[setting.name] = text
    if wishes.user:
        live[USER.name] = True
    if wishes.needs_sudo:
        live[BECOME.name] = SUDO
    if slots and wishes.unit and "@" not in wishes.unit:
        raise UsageError(
            f"--unit {wishes.unit} is no template", hint=f"With --slots, give a template: {wishes.unit}@."
        )
    settable: tuple[Setting[object], ...] = (TO, APP, ARTIFACT, UNIT, HTTP)
    for each in settable:
        if each.name in live:
            _check(each, live[each.name])
    return live


def _check(setting: Setting[object], value: object) -> None:
    try:
        setting.kind.read(value, PathBase(Path.cwd(), str(Path.home())))
    except UsageError as error:
        raise type(error)(f"--{setting.name}: {error.what}", hint=error.hint) from None


def _ask() -> _Wishes:
    """Ask a person for each, until it can be read."""
    click.echo("Leave empty what you do not know yet.")
    answers = {}
    for setting, question in _ASKED:
        while True:
            answer = str(click.prompt(question, default="", show_default=False)).strip()
            try:
                if answer:
                    _check(setting, answer)
            except UsageError as error:
                click.echo(f"  {error.what}. {error.hint}")
                continue
            answers[setting.name] = answer
            break
    to = answers[TO.name]
    return _Wishes((to,) if to else (), answers[ARTIFACT.name], answers[UNIT.name], answers[HTTP.name])


def _is_at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _exists(path: Path) -> UsageError:
    return UsageError(f"{path} already exists", hint="Edit it, or remove it first.")
