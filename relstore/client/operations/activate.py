"""One activation at one host, seen to its end from here: asked for, followed, confirmed, or left to the host.

When the connection drops after the host accepted, it is made anew and the job is followed from where the
host is; what is reported in the end is always what the host recorded. Not for several hosts (``fleet``).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import time
from typing import Any

from relstore import protocol
from relstore.client.connection.connect import connected
from relstore.client.connection.session import Session
from relstore.client.operations.access import HostAccess
from relstore.client.operations.interrupt import Interrupted
from relstore.client.operations.plan import ActivationOptions
from relstore.errors import ConnectError, DetachedError, HelperError, RelstoreError
from relstore.formats.names import AppName, JobId
from relstore.protocol import Accepted, Ended

CONFIRMING = "confirming"
"""The host's step in which it waits for us."""
_RETURN_S = 45.0
"""How long it is tried to reach a host again whose connection broke off."""
_PAUSE_S = 1.0


async def activate(
    session: Session, place: HostAccess, app: AppName, spec: str, plan: ActivationOptions
) -> Ended:
    """Make ``spec`` current and follow that to what the host recorded.

    Raises what the host refuses, ConnectionLostError when it cannot be reached again, DetachedError after
    Ctrl-C.
    """
    if plan.password:
        await session.ask(protocol.Become(plan.password), protocol.Done)
    token = secrets.token_bytes(32) if plan.recipe.confirm else b""
    request = protocol.Activate(
        app,
        spec,
        plan.who,
        plan.recipe,
        plan.lock_wait,
        plan.override_hold,
        hashlib.sha256(token).digest() if token else None,
    )
    following = _Following(place, app, token, plan.recipe.confirm)
    try:
        return await place.interrupts.guard(following.run(session, request))
    except Interrupted:
        raise await _leave(place, app, following.job, plan.who) from None


async def follow(session: Session, place: HostAccess, app: AppName, job: JobId | None) -> Ended:
    """Follow a job (None: the newest) to what the host recorded. Raises as ``activate``."""
    following = _Following(place, app, b"", 0)
    try:
        return await place.interrupts.guard(following.run(session, protocol.Watch(app, job)))
    except Interrupted:
        raise _left(place, app, following.job) from None


class _Following:
    """One job as it is followed, over as many connections as that takes."""

    def __init__(self, place: HostAccess, app: AppName, token: bytes, seconds: int) -> None:
        self._place = place
        self._app = app
        self._token = token
        self._confirm_s = seconds
        self._confirming: asyncio.Task[None] | None = None
        self.job: JobId | None = None

    async def run(self, session: Session, request: Any) -> Ended:
        try:
            return await self._follow(session, request)
        except ConnectError as lost:
            if self.job is None:
                raise
            return await self._return(lost)
        finally:
            if self._confirming is not None:
                self._confirming.cancel()
                await asyncio.gather(self._confirming, return_exceptions=True)

    async def _follow(self, session: Session, request: Any) -> Ended:
        label, reporter = session.label, self._place.reporter
        async for event in session.follow(request, Ended):
            if isinstance(event, Accepted):
                if self.job is None and isinstance(request, protocol.Watch):
                    reporter.step(label, f"job {event.job}, generation {event.generation}")
                elif self.job is None:
                    reporter.detail(label, f"job {event.job} owns the activation (by {event.held_by})")
                self.job = event.job
            elif isinstance(event, protocol.Step):
                reporter.step(label, event.name)
                if event.name == CONFIRMING and self._token and self._confirming is None:
                    self._confirming = asyncio.create_task(self._confirm())
            elif isinstance(event, protocol.Output):
                reporter.output(label, event.data)
            elif isinstance(event, Ended):
                return event
        raise RuntimeError("an activation without an end")

    async def _return(self, lost: ConnectError) -> Ended:
        """The connection broke off while the host works: come back until it can be followed again."""
        reporter = self._place.reporter
        reporter.notice(
            f"{lost.host or self._place.target.label}: {lost.what}; the host goes on, reconnecting"
        )
        deadline = time.monotonic() + max(_RETURN_S, self._confirm_s)
        while True:
            try:
                async with self._connected() as session:
                    return await self._follow(session, protocol.Watch(self._app, self.job))
            except (ConnectError, HelperError) as error:
                if time.monotonic() >= deadline:
                    raise _out_of_reach(error, self.job) from None
            await asyncio.sleep(_PAUSE_S)

    async def _confirm(self) -> None:
        """Come back on a connection of its own, as long as the host waits."""
        deadline = time.monotonic() + self._confirm_s
        if self.job is None:
            return
        while time.monotonic() < deadline:
            try:
                async with self._connected() as session:
                    request = protocol.Confirm(self._app, self.job, self._token)
                    await session.ask(request, protocol.Confirmed)
                    return
            except RelstoreError as error:
                self._place.reporter.detail(self._place.target.label, f"not confirmed yet: {error.what}")
            await asyncio.sleep(_PAUSE_S)

    def _connected(self) -> contextlib.AbstractAsyncContextManager[Session]:
        return connected(self._place.target, self._place.account, self._place.reporter)


async def _leave(place: HostAccess, app: AppName, job: JobId | None, who: str) -> DetachedError:
    """After Ctrl-C: say that the host goes on, and ask it to cancel after a second one."""
    label = place.target.label
    left = _left(place, app, job)
    if job is None:
        return left
    place.reporter.notice(f"{label}: {left.what}; Ctrl-C again asks the host to cancel")
    if not await place.interrupts.again():
        return left
    try:
        async with connected(place.target, place.account, place.reporter) as session:
            await session.ask(protocol.Cancel(app, job, who), protocol.Done)
    except RelstoreError as error:
        place.reporter.notice(f"{label}: it could not be asked to cancel: {error.what}")
        return left
    return DetachedError(
        f"{label}: asked to cancel job {job}; it may, as long as it has not switched",
        hint=f"`relstore attach {job}` shows what became of it.",
    )


def _left(place: HostAccess, app: AppName, job: JobId | None) -> DetachedError:
    if job is None:
        return DetachedError("interrupted before the host accepted anything", state="Nothing was switched.")
    return DetachedError(
        f"detached from job {job}, which goes on at the host",
        hint=f"`relstore attach {job}` follows it.",
    )


def _out_of_reach(error: RelstoreError, job: JobId | None) -> RelstoreError:
    return type(error)(
        error.what,
        state=f"The host goes on by itself with job {job}, and ends on a version that runs.",
        hint=f"When it can be reached again: `relstore attach {job}`.",
    ).on(error.host)
