"""The last part of a push and of a switch at one host: activate, and where nothing is to be done, inspect.

Every error of that host ends up in its HostResult. Not for the order of hosts (``sequence``).
"""

from __future__ import annotations

from dataclasses import replace

from relstore.client.connection.session import Session
from relstore.client.fleet.result import UNCHANGED, HostResult, from_ended, from_error
from relstore.client.operations import activate as operations
from relstore.client.operations.access import HostAccess
from relstore.client.operations.inspect import complaint
from relstore.client.operations.plan import ActivationOptions
from relstore.errors import RelstoreError
from relstore.formats.names import AppName


async def activate(
    session: Session, access: HostAccess, app: AppName, spec: str, options: ActivationOptions
) -> HostResult:
    """Make ``spec`` current; where it is already, the service is inspected."""
    try:
        ended = await operations.activate(session, access, app, spec, options)
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
