"""Asking a host whether it could run the release, before anything is sent. The host decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from relstore import protocol
from relstore.client.connection.session import Session
from relstore.client.operations.plan import ActivationOptions
from relstore.errors import PreflightError
from relstore.formats.data_link import DataLink
from relstore.formats.executable import Executable
from relstore.formats.finding import GUESSES, Guess
from relstore.formats.names import AppName
from relstore.formats.recipe import Recipe


def request(
    app: AppName,
    options: ActivationOptions | None,
    programs: Sequence[Executable] = (),
    links: Sequence[DataLink] = (),
) -> protocol.Preflight | None:
    """What to ask; None when there is nothing to ask. ``options``: None when nothing is to be activated."""
    recipe = options.recipe if options is not None else Recipe()
    asks_of_links = bool(links) and options is not None
    if not programs and not recipe.units.names and recipe.cut_over is None and not asks_of_links:
        return None  # the rest is checked where it is done
    return protocol.Preflight(
        app, recipe, tuple(programs), options is not None, tuple(links) if asks_of_links else None
    )


async def check(
    session: Session,
    options: ActivationOptions | None,
    asked: protocol.Preflight | None,
    ignored: Sequence[Guess],
    notice: Callable[[str], None],
) -> tuple[str, ...]:
    """Ask; ``notice`` gets what stops nothing, be it only because its kind is ``ignored``.

    Returns the kinds that were let pass. Raises PreflightError.
    """
    if asked is None:
        return ()
    if options is not None and options.password:
        await session.ask(protocol.Become(options.password), protocol.Done)
    reply, _ = await session.ask(asked, protocol.Preflighted)
    for note in reply.notes:
        notice(f"{session.label}: {note}")
    passed = [problem for problem in reply.problems if problem.kind in ignored]
    stopping = [problem for problem in reply.problems if problem.kind not in ignored]
    if stopping:
        raise _error(stopping).on(session.label)
    for problem in passed:
        notice(f"{session.label}: ignored, as was asked: {problem.what}")
    return tuple(dict.fromkeys(problem.kind for problem in passed))


def _error(stopping: Sequence[protocol.Problem]) -> PreflightError:
    problems, hints = zip(*stopping, strict=True)
    guesses = dict.fromkeys(problem.kind for problem in stopping if problem.kind in GUESSES)
    if guesses:
        hints += (f"Or, if this host is wrong about it, --ignore-preflight {','.join(guesses)}.",)
    what = problems[0] if len(problems) == 1 else "".join(f"\n  - {problem}" for problem in problems)
    return PreflightError(
        f"this host could not run it: {what}",
        problems=problems,
        state="Nothing was sent.",
        hint="\n        ".join(dict.fromkeys(hints)),
    )
