"""What a push and a switch do at one host, with every error of that host in its Result.

Not for the order of hosts, nor for what one host's failure means for the others (``push``, ``switch``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from relstore import protocol
from relstore.client.connection.session import Ahead, Session
from relstore.client.fleet import result
from relstore.client.fleet.result import STAGED, UNCHANGED, Result
from relstore.client.operations import activate as activation
from relstore.client.operations import chain_check as past
from relstore.client.operations import stage as release
from relstore.client.operations.access import Access, HostAccess
from relstore.client.operations.plan import ActivationOptions, Push
from relstore.client.operations.stage import Question
from relstore.client.target import Target
from relstore.client.transfer.stream_maker import StreamMaker
from relstore.errors import RelstoreError
from relstore.formats.names import AppName


async def _collected(plan: Push, one: Result, sessions: Mapping[Target, Session], access: Access) -> Result:
    """The release is live; that nothing could be freed does not change that, and is only said."""
    if not one.done:
        return one
    ask = protocol.Collect(plan.app, None, plan.retention, plan.description.who, dry_run=False)
    try:
        found, _ = await sessions[one.target].ask(ask, protocol.Collected)
    except RelstoreError as error:
        access.reporter.notice(f"{one.target.label}: nothing was collected: {error.what}")
        return one
    for warning in found.warnings:
        access.reporter.detail(one.target.label, warning)
    return replace(one, freed=found.bytes)


async def _activate(
    session: Session, place: HostAccess, app: AppName, spec: str, plan: ActivationOptions
) -> Result:
    try:
        return result.from_ended(place.target, await activation.activate(session, place, app, spec, plan))
    except RelstoreError as error:
        return result.from_error(place.target, error)


def _ahead(
    plan: Push, asked: protocol.Preflight | None, seen: protocol.Past, question: Question
) -> list[Ahead]:
    if plan.activation is not None and plan.activation.password:
        return []  # it is said to nobody who has not greeted us
    return ([Ahead(asked)] if asked is not None else []) + [Ahead(seen), question.ahead]


async def _bring(
    session: Session, where: HostAccess, plan: Push, shop: StreamMaker, question: Question
) -> Result:
    target = where.target
    prepared = await release.prepare(
        session, question, plan.scan, plan.publish, shop, where.reporter, local=target.host is None
    )
    if prepared.record:
        past.recorded(session.place, plan.app, prepared.record, where.account.heads)
    if not prepared.number:
        return Result(target, UNCHANGED, prepared.current, current=prepared.current)
    return Result(
        target,
        STAGED,
        prepared.number,
        previous=prepared.current,
        current=prepared.current,
        streams=prepared.streams,
    )
