"""The values that a shell completes, from what this machine has: its files, and what it remembers of hosts.

No host is asked. What cannot be read completes nothing; the command itself says what is wrong with it. Every
command imports this module, so it imports what it needs where it needs it. Not for the shells
(``bash_completion``).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from relstore.errors import RelstoreError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from relstore.client.config.hosts import Host
    from relstore.client.local_state.seen_generations import SeenApp

COMPLETE_VARIABLE = "_RELSTORE_COMPLETE"
"""Is set when a shell asks."""

_BY_NUMBER = 10
"""How many generations are offered of which only the number is known."""

Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]
Values = Callable[[click.Context], Iterable[tuple[str, str]]]
"""Values, each with what is said about it."""


def completer(values: Values) -> Complete:
    """Those of the values that begin with what was typed, as click wants them."""

    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        found: dict[str, str] = {}
        with contextlib.suppress(RelstoreError, OSError):
            for value, help_text in values(ctx):
                if value.startswith(incomplete):
                    found.setdefault(value, help_text)
        return [CompletionItem(value, help=help_text or None) for value, help_text in found.items()]

    return complete


def files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The shell's own completion of paths."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def _environments(ctx: click.Context) -> Iterator[tuple[str, str]]:
    from relstore.cli.invocation import config_file
    from relstore.client.config.load import environment_names

    path = config_file(ctx)
    for name in environment_names(path) if path else ():
        yield name, ""


def _targets(ctx: click.Context) -> Iterator[tuple[str, str]]:
    from relstore.client.connection.transport.ssh.host_names import host_names
    from relstore.client.ssh_program import SYSTEM_SSH_CONFIG
    from relstore.client.target import Target

    for seen in _seen():
        store = seen.store.removeprefix(f"{Target(None, None, None, '/').label}:")
        with contextlib.suppress(RelstoreError):
            yield str(Target.parse(store)), f"has {seen.app}"
    home = os.path.expanduser("~")
    for name in host_names([os.path.join(home, ".ssh", "config"), SYSTEM_SSH_CONFIG], home):
        yield name, "a host of ssh_config"


def _apps(ctx: click.Context) -> Iterator[tuple[str, str]]:
    for seen in _meant(ctx, any_app=True):
        yield seen.app, f"at {seen.store}"


def _generations(ctx: click.Context) -> Iterator[tuple[str, str]]:
    for seen in _meant(ctx):
        for generation in seen.generations:
            yield str(generation.number), generation.words


def _pins(ctx: click.Context) -> Iterator[tuple[str, str]]:
    for seen in _meant(ctx):
        for name in seen.pins:
            yield name, f"a pin of {seen.app}"


def _seen() -> Iterator[SeenApp]:
    """The apps of hosts, each with its newest generations; some are known by their number alone."""
    from relstore.cli.directories import seen_generations, state_directory
    from relstore.client.local_state.chain_heads import Heads
    from relstore.client.local_state.seen_generations import SeenApp, SeenGeneration

    last = {(store, app): number for store, app, number in Heads(state_directory() / "heads.json").apps()}

    def numbers(newest: int, down_to: int) -> tuple[SeenGeneration, ...]:
        return tuple(
            SeenGeneration(number, "") for number in range(newest, max(down_to, newest - _BY_NUMBER), -1)
        )

    for seen in seen_generations().apps():
        listed = seen.generations[0].number if seen.generations else 0
        newer = numbers(last.pop((seen.store, seen.app), 0), listed)
        yield replace(seen, generations=newer + seen.generations)
    for (store, app), newest in last.items():
        yield SeenApp(store, app, numbers(newest, 0), ())


def _meant(ctx: click.Context, *, any_app: bool = False) -> list[SeenApp]:
    """What was seen at the targets and of the app that the command line and relstore.toml name, as far as
    they name any."""
    from relstore.cli.invocation import layers_of
    from relstore.client.config.keys.target import APP, TO

    settings = layers_of(ctx, runs_command=False).settings
    stores = {target.store_label for target in settings.get(TO) or ()}
    app = None if any_app else settings.get(APP)
    return [seen for seen in _seen() if (not stores or seen.store in stores) and app in (None, seen.app)]


def _hosts(ctx: click.Context) -> Iterator[tuple[str, str]]:
    from relstore.client.config.chosen_hosts import spellings
    from relstore.client.config.keys.hosts import FAILED_HOSTS

    known = _all_hosts(ctx)
    for host in known:
        yield next(spellings(host)), ", ".join(host.groups) or str(host.target)
    if len(known) > 1:
        yield FAILED_HOSTS, "those on which the last rollout failed"


def _groups(ctx: click.Context) -> Iterator[tuple[str, str]]:
    for host in _all_hosts(ctx):
        for group in host.groups:
            yield group, ""


def _all_hosts(ctx: click.Context) -> tuple[Host, ...]:
    """Those that were named already say nothing about the others."""
    from relstore.cli.given import ENVIRONMENT, given
    from relstore.cli.invocation import layers_of

    if ctx.args and any(parameter.name == ENVIRONMENT for parameter in ctx.command.params):
        # With an option that lacks its value, click stops before it.
        given(ctx).setdefault(ENVIRONMENT, ctx.args[0])
    return layers_of(ctx, runs_command=False, narrows=False).hosts


environments = completer(_environments)
targets = completer(_targets)
hosts = completer(_hosts)
groups = completer(_groups)
apps = completer(_apps)
generations = completer(_generations)
pins = completer(_pins)

OF_SETTING: dict[str, Complete] = {"to": targets, "app": apps, "artifact": files}
"""By the name of the key whose flag or argument it is."""
