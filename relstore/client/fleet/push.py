"""One push or one switch at one or several hosts: uploads side by side, then activation host by host.

A host where the upload fails stops the push before anything is activated anywhere; a host where the
activation fails stops it there. What happened on each host is in its Result, the last word of which
is what that host recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, NamedTuple

from relstore.client.connection import connect as hosts
from relstore.client.connection.connect import reached
from relstore.client.connection.session import Session, place
from relstore.client.fleet import result
from relstore.client.fleet.one_host import _activate, _ahead, _bring, _collected
from relstore.client.fleet.result import SKIPPED, STAGED, Result
from relstore.client.operations import chain_check as past
from relstore.client.operations import preflight
from relstore.client.operations.access import Access
from relstore.client.operations.plan import Push
from relstore.client.operations.stage import Question
from relstore.client.target import Target
from relstore.client.transfer.stream_maker import StreamMaker
from relstore.errors import RelstoreError


class _Planned(NamedTuple):
    plan: Push
    shop: StreamMaker


async def push(plan: Callable[[], Push], targets: Sequence[Target], access: Access) -> list[Result]:
    """Push to all targets. Errors of hosts are in the results, except cancellation.

    ``plan`` reads the artifact, in a thread, while the connections are made. Its errors are raised.
    """

    def prepare() -> _Planned:
        ready = plan()
        shop = StreamMaker(ready.transfer, ready.app, ready.scan)
        shop.begin([target.label for target in targets])
        return _Planned(ready, shop)

    planned = asyncio.ensure_future(asyncio.to_thread(prepare))
    try:
        async with AsyncExitStack() as stack:
            return await _push(planned, targets, access, stack)
    finally:
        await asyncio.wait([planned])
        if planned.exception() is None:
            planned.result().shop.close()


async def _push(
    planned: asyncio.Future[_Planned], targets: Sequence[Target], access: Access, stack: AsyncExitStack
) -> list[Result]:
    sessions: dict[Target, Session] = {}

    async def bring(target: Target) -> Result:
        try:
            transport = await stack.enter_async_context(reached(target, access.account, access.reporter))
            plan, shop = await asyncio.shield(planned)
            asked = preflight.request(plan.app, plan.activation, plan.programs)
            seen = past.question(place(transport.label, target.path), plan.app, access.account.heads)
            question = Question(plan.app, plan.scan, allow_outside_links=plan.allow_outside_links)
            ahead = _ahead(plan, asked, seen, question)
            session = await stack.enter_async_context(
                hosts.session(transport, target, access.account, access.reporter, ahead)
            )
            sessions[target] = session
            await preflight.check(session, plan.activation, asked, access.reporter.notice)
            await past.look(session, seen, access.account.heads, access.reporter.notice)
            return await _bring(session, access.to(target), plan, shop, question)
        except RelstoreError as error:
            return result.from_error(target, error)

    bringing = [asyncio.create_task(bring(target)) for target in targets]
    any_of: list[asyncio.Future[Any]] = [planned, *bringing]
    try:
        # An artifact that cannot be pushed ends it at once, however long a host takes to answer.
        await asyncio.wait(any_of, return_when=asyncio.FIRST_EXCEPTION)
        plan, shop = await asyncio.shield(planned)
        results = [await task for task in bringing]
    except BaseException:
        for task in bringing:
            task.cancel()
        await asyncio.gather(*bringing, return_exceptions=True)
        raise
    if any(one.error for one in results):
        return [_skipped(one) for one in results]
    keeping = asyncio.ensure_future(asyncio.to_thread(shop.keep))
    try:
        if plan.activation is not None:
            results = await _activate_all(plan, results, sessions, access)
        return [await _collected(plan, one, sessions, access) for one in results] if plan.collect else results
    finally:
        await asyncio.wait([keeping])


async def _activate_all(
    plan: Push, results: list[Result], sessions: Mapping[Target, Session], access: Access
) -> list[Result]:
    for index, one in enumerate(results):
        if one.outcome != STAGED or plan.activation is None:
            continue
        ended = await _activate(
            sessions[one.target], access.to(one.target), plan.app, str(one.generation), plan.activation
        )
        results[index] = replace(ended, streams=one.streams)
        if not ended.done:
            return [*results[: index + 1], *map(_skipped, results[index + 1 :])]
    return results


def _skipped(one: Result) -> Result:
    return replace(one, outcome=SKIPPED) if one.outcome == STAGED else one
