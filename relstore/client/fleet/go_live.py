"""The last part of a push and of a switch at one host: activate, and where nothing is to be done, inspect.

Every error of that host ends up in its HostResult. Not for the order of hosts (``conductor``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from relstore import protocol
from relstore.client.connection.session import Session
from relstore.client.fleet.recording import Once
from relstore.client.fleet.result import UNCHANGED, HostResult, from_ended, from_error
from relstore.client.operations import activate as operations
from relstore.client.operations.access import HostAccess
from relstore.client.operations.inspect import complaint
from relstore.client.operations.plan import ActivationOptions
from relstore.errors import BusyError, ConnectError, RelstoreError, UnhealthyError
from relstore.formats.names import AppName, JobId

_RETURN_S = 45.0
"""How long to try to reach a host again whose connection broke off."""


async def activate(
    session: Session,
    access: HostAccess,
    app: AppName,
    spec: str,
    options: ActivationOptions,
    withdrawn: protocol.Withdraw | None = None,
) -> HostResult:
    """Make ``spec`` current; where it is already, the service is inspected.

    ``withdrawn``: what a rollout takes back by it.
    """
    try:
        ended = await operations.activate(session, access, app, spec, options, withdrawn)
    except RelstoreError as error:
        return from_error(access.target, error, app)
    return await inspected(session, from_ended(access.target, app, ended), options)


async def restart(
    session: Session, access: HostAccess, app: AppName, generation: int, options: ActivationOptions
) -> HostResult:
    """Restart ``generation``, which is current."""
    try:
        ended = await operations.restart(session, access, app, generation, options)
    except RelstoreError as error:
        return from_error(access.target, error, app)
    return from_ended(access.target, app, ended)


async def found_again(session: Session, access: HostAccess, lost: HostResult) -> HostResult:
    """How the job ended of a host that was lost while it worked. Raises as ``operations.follow``."""
    if lost.app is None:
        return lost
    job = getattr(lost.error, "job", "")
    ended = await operations.follow(session, access, lost.app, JobId(job) if job else None)
    if ended.generation != lost.generation:  # the newest job is another's: the host never accepted ours
        what = f"generation {lost.generation} was not activated: the connection broke off before"
        error = RelstoreError(what, state="Nothing was switched there.", hint="Run the command again.")
        return from_error(access.target, error, lost.app)
    return from_ended(access.target, lost.app, ended)


async def run_once(
    session: Callable[[], Awaitable[Session]],
    hang_up: Callable[[], Awaitable[None]],
    act: Callable[[], Awaitable[None]],
    access: HostAccess,
    staged: HostResult,
    once: Once,
) -> protocol.OnceRan:
    """Run what runs once, and follow it to its end, over as many connections as that takes.

    ``act``: have the session act for the rollout. Raises ConnectError, what the host refuses.
    """
    label = access.target.label
    if staged.app is None:
        raise RuntimeError("a host that is to run something has an app")
    request = protocol.RunRolloutOnce(staged.app, once.command, once.again, once.skip)
    until = time.monotonic() + _RETURN_S
    while True:
        try:
            await act()
            access.reporter.step(label, "running what runs once")
            async for event in (await session()).follow(request, protocol.OnceRan):
                if isinstance(event, protocol.OnceRan):
                    return event
                access.reporter.output(label, event.data)
        except ConnectError:
            await hang_up()
            if time.monotonic() > until:
                raise
        # From now on it has begun, and is only followed.
        request = request._replace(again=False)
        await asyncio.sleep(1.0)


async def watched(session: Session, result: HostResult, options: ActivationOptions) -> RelstoreError | None:
    """What is wrong with a host that was switched; None where nothing is. Raises ConnectError.

    While another activation is under way there, or a check cannot be made, nothing is wrong yet.
    """
    if result.app is None:
        return None
    try:
        reply, _ = await session.ask(protocol.Inspect(result.app, options.recipe), protocol.Inspected)
    except ConnectError:
        raise
    except BusyError:
        return None
    except RelstoreError as error:
        return error
    state = f"Generation {reply.generation} is current."
    if reply.generation != result.generation:
        what = f"generation {reply.generation} is current by now, not {result.generation}"
    elif reply.problem:
        what = f"generation {result.generation} was active, and is not healthy any more: {reply.problem}"
    else:
        return None
    return UnhealthyError(what, app=result.app, generation=result.generation, state=state)


async def inspected(session: Session, result: HostResult, options: ActivationOptions | None) -> HostResult:
    """An *unchanged* result, with an error where the service is not healthy; any other as it is.

    ``options``: None when nothing is to run.
    """
    if result.outcome != UNCHANGED or result.app is None or options is None:
        return result
    try:
        error: RelstoreError | None = await complaint(session, result.app, options.recipe)
    except RelstoreError as failure:
        error = failure
    return result if error is None else replace(result, error=error.on(result.target.label))
