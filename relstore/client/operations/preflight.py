"""Asking a host whether it would run the release, before anything is sent; the host knows."""

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
    app: AppName, plan: ActivationOptions | None, programs: Sequence[Executable] = ()
) -> protocol.Preflight | None:
    """What to ask; None when there is nothing. ``plan``: None when nothing is to be activated."""
    recipe = plan.recipe if plan is not None else Recipe()
    if not programs and not recipe.units.names:
        return None  # what is left is checked where it is done
    return protocol.Preflight(app, recipe, tuple(programs), plan is not None)


async def check(
    session: Session,
    plan: ActivationOptions | None,
    asked: protocol.Preflight | None,
    notice: Callable[[str], None],
) -> None:
    """Ask; ``notice`` gets what stops nothing. Raises PreflightError."""
    if asked is None:
        return
    if plan is not None and plan.password:
        await session.ask(protocol.Become(plan.password), protocol.Done)
    found, _ = await session.ask(asked, protocol.Preflighted)
    for note in found.notes:
        notice(f"{session.label}: {note}")
    if not found.problems:
        return
    problems, hints = zip(*found.problems)
    what = problems[0] if len(problems) == 1 else "".join(f"\n  - {problem}" for problem in problems)
    raise PreflightError(
        f"this host would not run it: {what}",
        state="Nothing was sent.",
        hint="\n        ".join(dict.fromkeys(hints)),
    ).on(session.label)
