"""One activation at one host: asks for it, follows it, confirms it, or leaves it to the host.

When the connection breaks off after the host accepted, this connects again and follows the job from where
the host is by then. It always ends with what the host recorded. Not for several hosts (``fleet``).
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
from relstore.errors import ConnectError, DetachedError, HelperError, LostJobError, RelstoreError
from relstore.formats.names import AppName, JobId
from relstore.protocol import Accepted, Ended

CONFIRMING = "confirming"
"""The host's step in which it waits for the client to confirm."""
_RETURN_S = 45.0
"""How long to try to reach a host again whose connection broke off."""
_PAUSE_S = 1.0


async def activate(
    session: Session,
    access: HostAccess,
    app: AppName,
    spec: str,
    options: ActivationOptions,
    withdrawn: protocol.Withdraw | None = None,
) -> Ended:
    """Make ``spec`` current and follow that to what the host recorded. ``withdrawn``: what a rollout takes
    back by that.

    Raises what the host refuses, LostJobError when it cannot be reached again, DetachedError after Ctrl-C.
    """
    if withdrawn is not None:
        await session.ask(withdrawn, protocol.Done)
    token = secrets.token_bytes(32) if options.recipe.confirm else b""
    return await _run(session, access, options, token, _request(app, spec, options, token))


async def restart(
    session: Session, access: HostAccess, app: AppName, generation: int, options: ActivationOptions
) -> Ended:
    """Restart ``generation``, which is current, as ``activate`` would have started it."""
    request = protocol.Restart(app, generation, options.who, options.recipe, options.override_hold)
    return await _run(session, access, options, b"", request)


async def _run(
    session: Session,
    access: HostAccess,
    options: ActivationOptions,
    token: bytes,
    request: protocol.Activate | protocol.Restart,
) -> Ended:
    if options.password:
        await session.ask(protocol.Become(options.password), protocol.Done)
    if options.cut_old:
        await session.ask(protocol.CutOld(), protocol.Done)
    if options.supersede:
        await session.ask(protocol.SupersedeRollout(), protocol.Done)
    following = _Following(access, request.app, token, options.recipe.confirm)
    try:
        return await access.interrupts.guard(following.run(session, request))
    except Interrupted:
        raise await _leave(access, request.app, following.job, options.who) from None


def _request(app: AppName, spec: str, options: ActivationOptions, token: bytes) -> protocol.Activate:
    return protocol.Activate(
        app,
        spec,
        options.who,
        options.recipe,
        options.lock_wait,
        options.override_hold,
        hashlib.sha256(token).digest() if token else None,
    )


async def follow(session: Session, access: HostAccess, app: AppName, job: JobId | None) -> Ended:
    """Follow a job (None: the newest) to what the host recorded. Raises as ``activate``."""
    following = _Following(access, app, b"", 0)
    try:
        return await access.interrupts.guard(following.run(session, protocol.Watch(app, job)))
    except Interrupted:
        raise _left(following.job) from None


class _Following:
    """One job as it is followed, over as many connections as that takes."""

    def __init__(self, access: HostAccess, app: AppName, token: bytes, seconds: int) -> None:
        self._access = access
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
        label, reporter = session.label, self._access.reporter
        async for event in session.follow(request, Ended):
            if isinstance(event, Accepted):
                if self.job is None and isinstance(request, protocol.Watch):
                    reporter.step(label, f"job {event.job}, generation {event.generation}")
                elif self.job is None:
                    reporter.detail(label, f"job {event.job} owns the activation (by {event.held_by})")
                self.job = event.job
            elif isinstance(event, protocol.Step) and event.text is not None:
                reporter.waits(label, event.name, event.text[: protocol.MAX_STEP_TEXT])
            elif isinstance(event, protocol.Step):
                reporter.step(label, event.name)
                if event.name == CONFIRMING and self._token and self._confirming is None:
                    self._confirming = asyncio.create_task(self._confirm())
            elif isinstance(event, protocol.Output):
                reporter.output(label, event.data)
            elif isinstance(event, Ended):
                return event
        raise RuntimeError("a conversation about an activation ended without its reply")

    async def _return(self, lost: ConnectError) -> Ended:
        """The connection broke off while the host works: connect again until the job can be followed."""
        reporter = self._access.reporter
        reporter.notice(
            f"{lost.host or self._access.target.label}: {lost.what}; the host continues; reconnecting"
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
        """Confirm over a connection of its own; try for as long as the host waits."""
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
                self._access.reporter.detail(self._access.target.label, f"not confirmed yet: {error.what}")
            await asyncio.sleep(_PAUSE_S)

    def _connected(self) -> contextlib.AbstractAsyncContextManager[Session]:
        return connected(self._access.target, self._access.account, self._access.reporter)


async def _leave(access: HostAccess, app: AppName, job: JobId | None, who: str) -> DetachedError:
    """After Ctrl-C: say that the host continues; after a second one, ask it to cancel."""
    label = access.target.label
    left = _left(job)
    if job is None:
        return left
    access.reporter.notice(f"{label}: {left.what}; Ctrl-C again asks the host to cancel")
    if not await access.interrupts.again():
        return left
    try:
        async with connected(access.target, access.account, access.reporter) as session:
            await session.ask(protocol.Cancel(app, job, who), protocol.Done)
    except RelstoreError as error:
        access.reporter.notice(f"{label}: the host could not be asked to cancel: {error.what}")
        return left
    return DetachedError(
        f"asked the host to cancel job {job}, which it can until it has switched",
        job=job,
        hint=f"`relstore attach {job}` shows how it ended.",
    )


def _left(job: JobId | None) -> DetachedError:
    if job is None:
        return DetachedError("interrupted before the host accepted anything", state="Nothing was switched.")
    return DetachedError(
        f"detached from job {job}, which continues on the host",
        job=job,
        hint=f"`relstore attach {job}` follows it.",
    )


def _out_of_reach(error: RelstoreError, job: JobId | None) -> LostJobError:
    return LostJobError(
        error.what,
        job=job or "",
        state=f"The host continues with job {job} by itself and ends on a version that runs.",
        hint=f"Once it can be reached again, follow the job with `relstore attach {job}`.",
    ).on(error.host)
