"""``relstore logs``: what the service of an app writes, on all hosts."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import finish, what_each_host_gave
from relstore.cli.environment import environment_argument
from relstore.cli.invocation import Invocation, invocation_of
from relstore.cli.log_view import LogView, in_order
from relstore.cli.outcome import Outcome
from relstore.cli.progress import ConsoleReporter
from relstore.cli.streams import nobody_reads
from relstore.client.config.amounts import duration
from relstore.client.config.hosts import Host
from relstore.client.config.keys.service import UNIT, USER
from relstore.client.config.recipe import slots
from relstore.client.config.values import Values
from relstore.client.connection.connect import connected
from relstore.client.connection.session import Session
from relstore.client.operations.logs import LogWish, last_lines, watch_on
from relstore.client.target import Target
from relstore.errors import ConnectError, RelstoreError, UsageError
from relstore.formats.cut_over import SLOTS
from relstore.formats.names import AppName, TemplateName, UnitName
from relstore.protocol import MAX_LOG_LINES, LogLine

_LAST, _LAST_FOLLOWED = 100, 10
_RETURN_S = 60.0
"""How long to try to reach a host again whose connection broke off."""
_PAUSE_S = 1.0
_MOMENTS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")


class Since(click.ParamType[int]):
    """``2h``, ``2026-11-23`` or ``2026-11-23 09:15``: how many seconds ago that is."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value).replace("T", " ")
        for form in _MOMENTS:
            with contextlib.suppress(ValueError, OverflowError):
                return max(1, int(time.time() - time.mktime(time.strptime(text, form))))
        try:
            return duration(text)
        except UsageError:
            self.fail(
                f"{value!r} is no time: write 45s, 30m, 2h, 3d, 2026-11-23 or '2026-11-23 09:15'", param, ctx
            )


@example(
    "relstore logs", "relstore logs production -f", "relstore logs --since 30m -n 500 --json | jq .message"
)
@click.command(cls=RelstoreCommand)
@environment_argument
@click.option("-f", "--follow", is_flag=True, help="Go on with the lines that come, until Ctrl-C.")
@click.option(
    "-n",
    "--last",
    type=click.IntRange(1, MAX_LOG_LINES),
    metavar="N",
    help=f"The last N lines of each host.  [default: {_LAST}; {_LAST_FOLLOWED} with -f, all with --since]",
)
@click.option(
    "--since", type=Since(), metavar="TIME", help="Only lines since TIME: 30m, 2h, '2026-11-23 09:15'."
)
@click.pass_context
def logs(ctx: click.Context, follow: bool, last: int | None, since: int | None) -> None:
    """Show what the units of the app have written to the journal of each host, both slots included, in the
    order of time; or, where there is no unit, the log of the newest job.

    At most 10,000 lines come from a host, the last ones. Ctrl-C ends -f, with exit code 0. With --json each
    line is a document of its own.
    """
    invocation = invocation_of(ctx)
    invocation.need_targets()
    usual = MAX_LOG_LINES if since else _LAST_FOLLOWED if follow else _LAST
    wishes = {host.target: _wish(invocation, host, last or usual, since or 0) for host in invocation.hosts}
    view = LogView(invocation.console, invocation.targets)
    errors = _follow(invocation, wishes, view) if follow else _show(invocation, wishes, view)
    for target, error in zip(invocation.targets, errors, strict=True):
        if error is not None:
            view.fail(target, error)
    finish(errors, invocation)


def _wish(invocation: Invocation, host: Host, last: int, within: int) -> LogWish:
    settings = invocation.settings_at(host)
    return LogWish(_units(settings), settings.get(USER), last, within)


def _units(settings: Values) -> tuple[UnitName, ...]:
    """Those that are configured; empty: the host knows those of the last activation."""
    names = settings.get(UNIT) or ()
    if not (names and isinstance(names[0], TemplateName)):
        return names
    cut_over = slots(settings, names[0])
    trial = [cut_over.trial] if cut_over and cut_over.trial else []
    return (*(names[0].instance(slot) for slot in SLOTS), *trial)


async def _app(session: Session, invocation: Invocation, wish: LogWish) -> AppName | None:
    if invocation.app is not None or wish.units:
        return invocation.app
    return await session.only_app()


def _show(
    invocation: Invocation, wishes: Mapping[Target, LogWish], view: LogView
) -> Sequence[RelstoreError | None]:
    async def at_host(host: Host, session: Session, _: ConsoleReporter) -> list[LogLine]:
        wish = wishes[host.target]
        return await last_lines(session, await _app(session, invocation, wish), wish)

    outcomes: list[Outcome[list[LogLine]]] = what_each_host_gave(invocation, at_host)
    for target, line in in_order([(outcome.target, outcome.value or []) for outcome in outcomes]):
        view.show(target, line)
    return [outcome.error for outcome in outcomes]


def _follow(
    invocation: Invocation, wishes: Mapping[Target, LogWish], view: LogView
) -> Sequence[RelstoreError | None]:
    # Outside of its context: a live area would stand below the lines for as long as they come.
    reporter = ConsoleReporter(invocation.console, invocation.labels)

    async def all_hosts() -> list[RelstoreError | None]:
        async with invocation.account.shared.lasting():
            each = [
                asyncio.ensure_future(_follow_at(target, invocation, wishes[target], view, reporter))
                for target in invocation.targets
            ]
            try:
                left: set[asyncio.Future[RelstoreError]] = set(each)
                while left and not nobody_reads():
                    _, left = await asyncio.wait(left, timeout=_PAUSE_S)
                return [task.result() if task.done() else None for task in each]
            finally:
                for task in each:
                    task.cancel()
                await asyncio.gather(*each, return_exceptions=True)

    try:
        return asyncio.run(all_hosts())
    except KeyboardInterrupt:
        return [None] * len(invocation.targets)  # that is how one ends it


async def _follow_at(
    target: Target, invocation: Invocation, wish: LogWish, view: LogView, reporter: ConsoleReporter
) -> RelstoreError:
    """Until it cannot be asked any more: why not."""

    place = ""

    def show(lines: Sequence[LogLine], behind: str) -> None:
        nonlocal place
        for line in lines:
            view.show(target, line)
        view.flush()
        place = behind or place

    lost_at: float | None = 0.0
    """When the connection broke off; 0 before there was one."""
    while True:
        try:
            async with connected(target, invocation.account, reporter) as session:
                app = await _app(session, invocation, wish)
                lost_at = None
                while True:
                    await watch_on(session, app, wish, place, show)
        except ConnectError as error:
            now = time.monotonic()
            if lost_at is None:
                reporter.notice(f"{target.label}: {error.what}; reconnecting")
                lost_at = now
            if now - lost_at > _RETURN_S or not lost_at:
                return error.on(target.label)
            await asyncio.sleep(_PAUSE_S)
        except RelstoreError as error:
            return error.on(target.label)
