"""How the hosts of this run are gone through, as ``[rollout]`` and the flags say.

Not for going through them (``client.fleet``), nor for showing it (``rollout_view``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import cast

from relstore.cli.host_recipe import recipe_at, sets_its_own, through_sudo
from relstore.cli.invocation import Invocation
from relstore.client.config.hosts import Host
from relstore.client.config.keys import rollout as keys
from relstore.client.config.keys.hooks import HOOK_TIMEOUT
from relstore.client.config.keys.hosts import MAX_UNREACHABLE
from relstore.client.config.keys.service import IGNORE_PREFLIGHT
from relstore.client.config.share import Share
from relstore.client.fleet.course import ONE_HOST, SILENT, Course, Observer, OutsideCheck
from relstore.client.fleet.recording import Once, Recording
from relstore.client.operations.plan import ActivationOptions
from relstore.client.rollout.order import OrderedHost, arranged, of_group
from relstore.client.rollout.strategy import STOP, OnFailure, Strategy
from relstore.client.target import Target
from relstore.errors import UsageError
from relstore.formats.command import Command

_SHORT_S = 15 * 60.0
_WIDE = 20
"""So many hosts at once, where the waves say how many go together."""


@dataclass(frozen=True)
class Way:
    """The hosts in their order, and how they are gone through."""

    hosts: tuple[Host, ...]
    course: Course

    @property
    def targets(self) -> tuple[Target, ...]:
        return tuple(host.target for host in self.hosts)

    def changed(self, change: Callable[[ActivationOptions], ActivationOptions]) -> Way:
        """With other options at the hosts that have their own."""
        options = {target: change(own) for target, own in self.course.options.items()}
        return replace(self, course=replace(self.course, options=options))

    def told_to(self, observer: Observer) -> Course:
        """The course, with who is told what happens. With a single host there is nothing to tell."""
        return self.course if len(self.hosts) < 2 else self.course.told_to(observer)


def way_of(
    invocation: Invocation,
    options: ActivationOptions | None,
    command: str,
    *,
    reverts: bool = True,
    rejects: str | None = None,
) -> Way:
    """``options``: what holds for hosts that set nothing of their own, or None where nothing is activated.

    ``reverts``: whether the command goes back on failure at all. ``rejects``: why what is left is marked as
    bad; None where it is not. Raises UsageError.
    """
    settings = invocation.settings
    members = [OrderedHost(host.name, host.groups) for host in invocation.hosts]
    order = settings.get(keys.ORDER) or ()
    hosts = tuple(invocation.hosts[index] for index in arranged(members, order))
    upto, batch = settings.get(keys.WAVES), settings.get(keys.BATCH)
    if upto and batch:
        raise UsageError("waves beside batch", hint="Both say how many hosts go together: remove one.")
    once = _once(invocation, command)
    if len(hosts) < 2 and once is None:
        # A canary alone is no canary, and there is nobody to compare it with.
        return Way(hosts, replace(ONE_HOST, options=_options(invocation, hosts, options)))
    members = [OrderedHost(host.name, host.groups) for host in hosts]
    on_failure = cast(OnFailure, settings.get(keys.ON_FAILURE))
    strategy = Strategy(
        _canary(settings.get(keys.CANARY), members),
        upto or (),
        batch,
        settings.get(keys.MAX_PARALLEL) or (_WIDE if upto or batch else 1),
        settings.get(keys.MAX_FAILURES),
        settings.get(MAX_UNREACHABLE),
        on_failure if reverts or on_failure != "revert" else STOP,
        once is not None,
        _pauses(settings.get(keys.PAUSE), settings.get(keys.CANARY)),
    )
    course = Course(
        strategy,
        settings.get(keys.BAKE) / 1000,
        _check(invocation),
        settings.get(keys.WAVE_DEADLINE) or _patience(options),
        SILENT,
        _options(invocation, hosts, options),
        None if options is None else Recording(command, options.who, options.supersede, rejects),
        once,
        {host.target: host.name for host in hosts},
    )
    return Way(hosts, course)


def course_to_go_on(
    invocation: Invocation, options: ActivationOptions, *, once_again: bool, skip_once: bool
) -> Course:
    """For a rollout that was begun: what this machine alone says about it. Its plan says the rest."""
    once = _once(invocation, "rollout")
    if once is not None:
        once = replace(once, again=once_again, skip=skip_once)
    way = way_of(invocation, options, "rollout")
    return replace(
        way.course,
        check=_check(invocation),
        once=once,
        names={host.target: host.name for host in invocation.hosts},
    )


def _once(invocation: Invocation, command: str) -> Once | None:
    """A rollback and a restart bring nothing that would need it."""
    words = invocation.settings.get(keys.ONCE) if command in keys.ONCE.commands else None
    return Once(Command(words, invocation.settings.get(HOOK_TIMEOUT))) if words else None


def _pauses(value: str | tuple[int, ...], canary: Share | str) -> frozenset[int]:
    """The indexes of the waves after which it pauses."""
    if value == "each":
        return frozenset(range(keys.MAX_PAUSES))
    if value == "canary":
        return frozenset() if isinstance(canary, Share) and not canary.number else frozenset({0})
    return frozenset(number - 1 for number in value) if isinstance(value, tuple) else frozenset()


def _check(invocation: Invocation) -> OutsideCheck:
    settings, config = invocation.settings, invocation.config.path
    return OutsideCheck(
        settings.get(keys.CHECK_HTTP) or "",
        settings.get(keys.CHECK_COMMAND) or (),
        str(config.parent) if config else None,
        dict(os.environ),
    )


def _patience(options: ActivationOptions | None) -> float:
    """For how long the hosts that go at the same time may work, in seconds."""
    if options is None:
        return _SHORT_S
    steps = options.recipe
    commands = (steps.before, steps.after, steps.on_failure)
    seconds = _SHORT_S + options.lock_wait + steps.confirm + 2 * steps.restart_timeout
    seconds += 2 * steps.health.timeout / 1000 + sum(each.timeout for each in commands if each)
    if steps.cut_over is not None:
        shares = steps.cut_over.front.shares if steps.cut_over.front else ()
        seconds += steps.cut_over.drain + (len(shares) + 1) * steps.cut_over.watch / 1000
    return seconds


def _canary(value: Share | str, members: list[OrderedHost]) -> Share | frozenset[int]:
    if isinstance(value, Share):
        return value
    found = of_group(members, value)
    if not found:
        raise UsageError(
            f"canary: {value!r} is neither a host nor a group of this run",
            hint="Name one of relstore.toml, or write a number.",
        )
    return found


def _options(
    invocation: Invocation, hosts: tuple[Host, ...], usual: ActivationOptions | None
) -> Mapping[Target, ActivationOptions]:
    """Those of hosts that set something of their own. Raises UsageError."""
    if usual is None:
        return {}
    return {host.target: _options_at(invocation, host, usual) for host in hosts if sets_its_own(host)}


def _options_at(invocation: Invocation, host: Host, usual: ActivationOptions) -> ActivationOptions:
    return replace(
        usual,
        recipe=through_sudo(recipe_at(invocation, host), usual.password),
        ignored_findings=invocation.settings_at(host).get(IGNORE_PREFLIGHT) or (),
    )
