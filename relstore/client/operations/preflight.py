"""Asking a host whether it could run the release, before anything is sent. The host decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from relstore import protocol
from relstore.client.connection.session import Session
from relstore.client.operations.plan import ActivationOptions
from relstore.errors import PreflightError
from relstore.formats.executable import Executable
from relstore.formats.names import AppName
from relstore.formats.recipe import Recipe


def request(
    app: AppName, options: ActivationOptions | None, programs: Sequence[Executable] = ()
) -> protocol.Preflight | None:
    """What to ask; None when there is nothing to ask. ``options``: None when nothing is to be activated."""
    recipe = options.recipe if options is not None else Recipe()
    if not programs and not recipe.units.names:
        return None  # the rest is checked where it is done
    return protocol.Preflight(app, recipe, tuple(programs), options is not None)


async def check(
    session: Session,
    options: ActivationOptions | None,
    asked: protocol.Preflight | None,
    notice: Callable[[str], None],
) -> None:
    """Ask; ``notice`` gets what stops nothing. Raises PreflightError."""
    if asked is None:
        return
    if options is not None and options.password:
        await session.ask(protocol.Become(options.password), protocol.Done)
    reply, _ = await session.ask(asked, protocol.Preflighted)
    for note in reply.notes:
        notice(f"{session.label}: {note}")
    if not reply.problems:
        return
    problems, hints = zip(*reply.problems)
    what = problems[0] if len(problems) == 1 else "".join(f"\n  - {problem}" for problem in problems)
    raise PreflightError(
        f"this host could not run it: {what}",
        problems=problems,
        state="Nothing was sent.",
        hint="\n        ".join(dict.fromkeys(hints)),
    ).on(session.label)
