"""One push at one or several hosts: uploads side by side, then activation in waves.

What happened at each host is in its HostResult, the last word of which is what that host recorded. Not for
what is done at each (``one_host``), nor for the course of the activations (``conductor``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

from relstore.client.fleet.conductor import RolloutHost, conduct
from relstore.client.fleet.course import ONE_HOST, Course
from relstore.client.fleet.one_host import Preparation, PushedHost
from relstore.client.fleet.result import HostResult
from relstore.client.fleet.turns import Turns
from relstore.client.operations.access import Access
from relstore.client.operations.plan import ActivationOptions, Push
from relstore.client.target import Target
from relstore.client.transfer.keep import keep
from relstore.client.transfer.manifest_difference import ManifestDifferences
from relstore.client.transfer.stream_source import StreamSource


async def push(
    read: Callable[[], Push], targets: Sequence[Target], access: Access, course: Course = ONE_HOST
) -> list[HostResult]:
    """Push to all targets, as a rollout. Errors of hosts are in the results, except cancellation.

    ``read`` reads the artifact, in a thread, while the connections are made. Its errors are raised.
    """

    def prepare() -> Preparation:
        plan = read()
        labels = [target.label for target in targets]
        source = StreamSource(plan.transfer, plan.app, plan.scan, labels)
        is_known = plan.transfer.recent.build(plan.app) == plan.scan.build
        if is_known:  # the hosts most likely have it, and all that there is to keep of it is here
            keep(plan.transfer, plan.app, plan.scan)
        else:
            source.maker.begin(labels)
        differences = ManifestDifferences(plan.transfer, plan.app, plan.scan)
        differences.to(differences.likely)  # made here, in the thread
        return Preparation(plan, source, differences, is_kept=is_known)

    turns = Turns(targets, access.account)
    preparing = asyncio.ensure_future(asyncio.to_thread(prepare))
    try:
        async with access.account.shared.lasting(), AsyncExitStack() as stack:
            hosts = [await stack.enter_async_context(PushedHost(access.to(target))) for target in targets]
            results = await _stage_all(hosts, preparing, turns, course)
            return await _go_live(hosts, results, await preparing, turns, course)
    finally:
        await asyncio.wait([preparing])
        if preparing.exception() is None:
            await preparing.result().source.close()


async def _stage_all(
    hosts: Sequence[PushedHost], preparing: asyncio.Future[Preparation], turns: Turns, course: Course
) -> list[HostResult]:
    async def stage(host: PushedHost) -> HostResult:
        async with turns:
            result = await host.stage(preparing, course)
            host.access.reporter.ended(result.target.label, result.outcome)
            if turns.are_scarce:
                await host.hang_up()
            return result

    staging = [asyncio.create_task(stage(host)) for host in hosts]
    tasks: list[asyncio.Future[Any]] = [preparing, *staging]
    try:
        # An artifact that cannot be pushed ends it at once, however long a host takes to answer.
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        await asyncio.shield(preparing)
        return [await task for task in staging]
    except BaseException:
        for task in staging:
            task.cancel()
        await asyncio.gather(*staging, return_exceptions=True)
        raise


async def _go_live(
    hosts: Sequence[PushedHost],
    results: list[HostResult],
    preparation: Preparation,
    turns: Turns,
    course: Course,
) -> list[HostResult]:
    plan = preparation.push
    keeping = asyncio.ensure_future(_keep(preparation))

    async def collect(host: PushedHost, result: HostResult) -> HostResult:
        if not result.done:
            return result
        async with turns:
            collected = await host.collect(plan, result)
            if turns.are_scarce:
                await host.hang_up()
            return collected

    try:
        if plan.activation is not None:
            usual = plan.activation
            going = [_going(host, plan, course.options_at(host.access.target, usual)) for host in hosts]
            results = await conduct(going, results, course, turns)
        if plan.collect:
            return list(await asyncio.gather(*map(collect, hosts, results)))
        return results
    finally:
        await asyncio.wait([keeping])


async def _keep(preparation: Preparation) -> None:
    plan = preparation.push
    if not preparation.is_kept:
        await asyncio.to_thread(keep, plan.transfer, plan.app, plan.scan)


def _going(host: PushedHost, plan: Push, options: ActivationOptions) -> RolloutHost:
    """The host, as a rollout goes through it."""
    plan_here = plan.with_activation(options)
    return RolloutHost(
        host.access,
        options,
        lambda staged: host.activate(plan_here, options, staged),
        lambda: host.connected(plan_here),
        host.hang_up,
    )
