"""One push at one or several hosts: uploads side by side, then activation host by host.

What happened at each host is in its HostResult, the last word of which is what that host recorded. Not for
what is done at each (``one_host``), nor for deciding which is next (``sequence``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

from relstore.client.fleet import sequence
from relstore.client.fleet.one_host import Preparation, PushedHost
from relstore.client.fleet.result import HostResult
from relstore.client.fleet.turns import Turns
from relstore.client.operations.access import Access
from relstore.client.operations.plan import Push
from relstore.client.target import Target
from relstore.client.transfer.manifest_difference import ManifestDifferences
from relstore.client.transfer.stream_maker import StreamMaker


async def push(read: Callable[[], Push], targets: Sequence[Target], access: Access) -> list[HostResult]:
    """Push to all targets. Errors of hosts are in the results, except cancellation.

    ``read`` reads the artifact, in a thread, while the connections are made. Its errors are raised.
    """

    def prepare() -> Preparation:
        plan = read()
        stream_maker = StreamMaker(plan.transfer, plan.app, plan.scan)
        stream_maker.begin([target.label for target in targets])
        differences = ManifestDifferences(plan.transfer, plan.app, plan.scan)
        differences.to(differences.likely)  # made here, in the thread
        return Preparation(plan, stream_maker, differences)

    turns = Turns(targets, access.account)
    tolerated = access.max_unreachable.of(len(targets))
    preparing = asyncio.ensure_future(asyncio.to_thread(prepare))
    try:
        async with access.account.shared.lasting(), AsyncExitStack() as stack:
            hosts = [await stack.enter_async_context(PushedHost(access.to(target))) for target in targets]
            results = await _stage_all(hosts, preparing, turns)
            if not sequence.may_begin(results, tolerated):
                return sequence.ended(results, tolerated)
            return await _go_live(hosts, results, await preparing, turns, tolerated)
    finally:
        await asyncio.wait([preparing])
        if preparing.exception() is None:
            preparing.result().stream_maker.close()


async def _stage_all(
    hosts: Sequence[PushedHost], preparing: asyncio.Future[Preparation], turns: Turns
) -> list[HostResult]:
    async def stage(host: PushedHost) -> HostResult:
        async with turns:
            result = await host.stage(preparing)
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
    tolerated: int,
) -> list[HostResult]:
    plan = preparation.push
    keeping = asyncio.ensure_future(asyncio.to_thread(preparation.stream_maker.keep))
    try:
        if plan.activation is not None:
            while (index := sequence.next_host(results, tolerated)) is not None:
                result = results[index] = await hosts[index].activate(plan, plan.activation, results[index])
                hosts[index].access.reporter.ended(result.target.label, result.outcome)
                if turns.are_scarce:
                    await hosts[index].hang_up()
            results = sequence.ended(results, tolerated)
        if plan.collect:
            for index in sequence.to_collect(results):
                results[index] = await hosts[index].collect(plan, results[index])
                if turns.are_scarce:
                    await hosts[index].hang_up()
        return results
    finally:
        await asyncio.wait([keeping])
