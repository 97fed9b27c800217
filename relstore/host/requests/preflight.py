"""Would this host run the release? Asked before anything is sent, so that a bad answer costs nothing.

Each check gives problems in a person's words, with what to do. Changes nothing. Not for the checks of units
(``preflight_units``) and programs (``preflight_programs``), nor for disk space, which the upload asks for
with its exact sizes (``store.room``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from relstore.errors import RelstoreError
from relstore.host.job import start as detach
from relstore.host.requests import preflight_programs, preflight_units
from relstore.protocol import Preflight, Preflighted, Problem


def preflight(root: str, request: Preflight, password: str) -> Preflighted:
    """All that would go wrong on this host with the store at ``root``."""
    real = os.path.realpath(root)
    started = preflight_units.started(real, request.app, request.recipe) if request.switch else ()
    programs = preflight_programs.judge(request.programs, started)
    problems = [*programs.problems]
    if request.switch:
        problems += detaching()
        problems += preflight_units.unit_problems(real, request.app, request.recipe, password)
    return Preflighted(tuple(problems), programs.notes)


def detaching() -> Iterator[Problem]:
    """Whether the job of an activation would outlive the session."""
    try:
        detach.method()
    except RelstoreError as error:
        yield Problem.of("job-ends-at-logout", error.what, error.hint)
