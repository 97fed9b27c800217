"""Asking a host whether what is current there is healthy, where nothing is activated. The host decides."""

from __future__ import annotations

from relstore.client.connection.session import Session
from relstore.errors import UnhealthyError
from relstore.formats.names import AppName
from relstore.formats.recipe import Recipe
from relstore.protocol import Inspect, Inspected


async def complaint(session: Session, app: AppName, recipe: Recipe) -> UnhealthyError | None:
    """What is wrong with the service, or None: also where nothing is configured that could tell.

    Raises BusyError while an activation is under way.
    """
    if recipe.checks_nothing:
        return None
    reply, _ = await session.ask(Inspect(app, recipe), Inspected)
    if not reply.problem:
        return None
    return UnhealthyError(
        f"generation {reply.generation} is current already, but it is not healthy: {reply.problem}",
        app=app,
        generation=reply.generation,
        state=f"Generation {reply.generation} is current; nothing was changed.",
        hint="`relstore restart` restarts it; `relstore rollback` goes back to the previous good generation.",
    )
