"""What the commands that activate a generation have in common: two options, and what is asked of a host.

Everything else about an activation is a setting (``client.config.keys``), whose flags they have too. Light to
import: what an activation needs is loaded when it is asked for.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from relstore.cli import completers
from relstore.cli.options import Duration
from relstore.client.config.keys.service import IGNORE_PREFLIGHT
from relstore.errors import UsageError

if TYPE_CHECKING:
    from relstore.cli.invocation import Invocation
    from relstore.client.operations.access import Access
    from relstore.client.operations.interrupt import Interrupts
    from relstore.client.operations.plan import ActivationOptions
    from relstore.client.reporter import Reporter


def activation_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--lock-wait``, ``--override-hold``, ``--cut-old``, ``--supersede`` and ``--events``."""
    wait = click.option(
        "--lock-wait",
        type=Duration(),
        metavar="TIME",
        default=0,
        help="Wait up to TIME for another activation to finish.  [default: do not wait]",
    )
    return wait(override_hold_option(cut_old_option(supersede_option(events_option(command)))))


def events_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--events``."""
    option = click.option(
        "--events",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="With several hosts: append to FILE what happens to each, as lines of JSON.",
        shell_complete=completers.files,
    )
    return option(command)


def override_hold_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--override-hold``."""
    option = click.option(
        "--override-hold", is_flag=True, help="Activate in spite of a hold; this is recorded."
    )
    return option(command)


def cut_old_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--cut-old``."""
    option = click.option(
        "--cut-old",
        is_flag=True,
        help="With two slots: end a release that still drains in the slot at once, and its connections.",
    )
    return option(command)


def supersede_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--supersede``."""
    option = click.option(
        "--supersede", is_flag=True, help="Take over from a rollout that runs, or waits for a person."
    )
    return option(command)


def advise(invocation: Invocation) -> list[str]:
    """Say what the recipes do not protect from; what was said, for the JSON document."""
    from relstore.cli.host_recipe import recipe_at, sets_its_own
    from relstore.client.operations.advice import advice

    said: list[str] = []
    for host in invocation.hosts:
        sentence = advice(recipe_at(invocation, host))
        if sentence and sets_its_own(host):
            sentence = f"{host.name}: {sentence}"
        if sentence and sentence not in said:
            said.append(sentence)
            invocation.console.note(sentence)
    return said


def activation_of(
    invocation: Invocation,
    lock_wait: int,
    override_hold: bool,
    cut_old: bool,
    supersede: bool = False,
) -> ActivationOptions:
    """What is asked of the hosts. The person may be asked for a password first. Raises UsageError."""
    from relstore.cli.host_recipe import needs_password, recipe_at, through_sudo
    from relstore.client.config.recipe import recipe
    from relstore.client.operations.plan import ActivationOptions

    if (
        cut_old
        and invocation.hosts
        and all(recipe_at(invocation, host).cut_over is None for host in invocation.hosts)
    ):
        raise UsageError(
            "--cut-old is about the connections of an app with two slots",
            hint='Leave it out, or set `unit` to a template, "web@".',
        )
    password = ask_password() if needs_password(invocation) else ""
    steps = through_sudo(recipe(invocation.settings), password)
    ignored = invocation.settings.get(IGNORE_PREFLIGHT) or ()
    return ActivationOptions(
        invocation.who, steps, lock_wait, override_hold, password, ignored, cut_old, supersede
    )


def access_of(invocation: Invocation, reporter: Reporter, interrupts: Interrupts) -> Access:
    """How the hosts of an activation are reached."""
    from relstore.client.operations.access import Access

    return Access(invocation.account, reporter, interrupts)


def ask_password() -> str:
    """Sudo's password, from the terminal."""
    return getpass.getpass("sudo password on the hosts: ")
