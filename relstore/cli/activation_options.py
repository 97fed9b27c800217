"""The options of every command that activates a generation, and what they come to.

Each flag is read as the key of relstore.toml that has its name, overrides it, and has its meaning.
"""

from __future__ import annotations

import asyncio
import getpass
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

from relstore.cli.options import Duration, Settings
from relstore.client.config import recipe as recipes
from relstore.client.config.keys import PathBase
from relstore.client.config.service_keys import SERVICE_KEYS
from relstore.client.operations.interrupt import Interrupts
from relstore.client.operations.plan import ActivationOptions
from relstore.errors import UsageError
from relstore.formats.recipe import ACTIONS

T = TypeVar("T")

_MANY = ("unit", "http", "http-headers", "tcp")
_FLAGS = ("user", "unit-runs-build", "ask-become-pass")
_HELP = {
    "unit": ("UNIT", "Restart this systemd unit after the switch. Repeatable."),
    "user": ("", "The units belong to the account's own manager (systemctl --user)."),
    "unit-action": ("ACTION", f"What to do with the units: {', '.join(ACTIONS)}.  [default: restart]"),
    "unit-runs-build": (
        "",
        "Require that the units execute the new build.  [default: yes, unless reloaded]",
    ),
    "become": ("sudo", "Manage the units through sudo."),
    "ask-become-pass": ("", "Ask for sudo's password, once for all hosts."),
    "restart": ("COMMAND", "Run this on the host (sh -c) after the switch."),
    "reload": ("COMMAND", "Run this instead of --restart where a previous version runs."),
    "restart-timeout": (
        "TIME",
        "How long a restart may take; a unit gets as long as systemd gives it.  [default: 60s]",
    ),
    "http": ("URL", "Healthy once this URL answers with status 200 to 399. Repeatable."),
    "http-status": ("NUMBER", "Require this status instead."),
    "http-body": ("REGEX", "Require that the body matches this pattern."),
    "http-headers": ("LINE", "Send this header (`Name: value`) with the request. Repeatable."),
    "http-socket": ("PATH", "Connect through this Unix socket on the host."),
    "tcp": ("HOST:PORT", "Healthy once this address accepts connections. Repeatable."),
    "health-command": ("COMMAND", "Healthy once this command exits with code 0 on the host."),
    "health-timeout": ("TIME", "How long to wait for the release to become healthy.  [default: 30s]"),
    "health-interval": ("TIME", "The pause between two checks.  [default: 500ms]"),
    "health-stable": ("TIME", "How long a unit's process must stay up.  [default: 3s]"),
    "before": ("COMMAND", "Run this in the new build before the switch; its failure changes nothing."),
    "after": ("COMMAND", "Run this once the release is healthy."),
    "on-failure": ("COMMAND", "Run this after the host has rolled back."),
    "hook-timeout": ("TIME", "How long each of these three commands may take.  [default: 5m]"),
    "confirm": ("TIME", "Roll back unless a new connection reaches the host within TIME."),
}


def activation_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds one option for each key of ``SERVICE_KEYS``, ``--lock-wait`` and ``--override-hold``."""
    options = [_option(name, *_HELP[name]) for name in _HELP]
    options += [
        click.option(
            "--lock-wait",
            type=Duration(),
            metavar="TIME",
            help="Wait up to TIME for another activation to finish.  [default: do not wait]",
        ),
        click.option("--override-hold", is_flag=True, help="Activate in spite of a hold; this is recorded."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def plan_of(here: Settings, given: dict[str, Any]) -> ActivationOptions:
    """What the flags say, else relstore.toml, else the defaults; asks for the password where that is wanted.

    ``given``: the values of ``activation_options`` by parameter name. Raises UsageError.
    """
    said = {field.name: getattr(here.config, field.name) for field in fields(here.config)}
    place = PathBase(Path.cwd(), here.account.home)
    for name, key in SERVICE_KEYS.items():
        value = given[name.replace("-", "_")]
        if value in (None, ()):
            continue
        try:
            said[key.field] = key.read(list(value) if name in _MANY else value, place)
        except UsageError as error:
            raise UsageError(f"--{name} {error.what}", hint=error.hint) from None
    recipe = recipes.recipe(said)
    password = ""
    if said["ask_become_pass"] and recipe.units.names:
        recipe = recipe._replace(units=recipe.units._replace(become="sudo"))
        password = getpass.getpass("sudo password on the hosts: ")
    return ActivationOptions(here.who, recipe, given["lock_wait"] or 0, given["override_hold"], password)


def run(work: Callable[[Interrupts], Coroutine[Any, Any, T]]) -> T:
    """Run what may be at a host for a while, so that Ctrl-C can leave the host to itself."""

    async def main() -> T:
        interrupts = Interrupts()
        task = asyncio.ensure_future(work(interrupts))
        with _catching(interrupts, task):
            return await task

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


@contextmanager
def _catching(interrupts: Interrupts, task: asyncio.Future[Any]) -> Iterator[None]:
    def pressed() -> None:
        if interrupts.armed:
            interrupts.press()
        else:
            task.cancel()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, pressed)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _option(name: str, metavar: str, text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    if name in _FLAGS:
        return click.option(f"--{name}/--no-{name}", default=None, help=text)
    if name in _MANY:
        return click.option(f"--{name}", multiple=True, metavar=metavar, help=text)
    return click.option(f"--{name}", metavar=metavar, help=text)
