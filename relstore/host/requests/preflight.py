"""Would this host run the release? Asked before anything is sent, so that a bad answer costs nothing.

Each check gives problems in a person's words, with what to do. Changes nothing. Not for the checks of units
(``preflight_units``), programs (``preflight_programs``) and data (``preflight_links``), nor for disk space,
which the upload asks for with its exact sizes (``store.room``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from relstore.errors import RelstoreError
from relstore.host.job import survival
from relstore.host.requests import preflight_programs
from relstore.protocol import Preflight, Preflighted, Problem


def preflight(root: str, request: Preflight, password: str) -> Preflighted:
    """All that would go wrong on this host with the store at ``root``."""
    real = os.path.realpath(root)
    switched: list[Problem] = []
    notes: list[str] = []
    started: frozenset[str] = frozenset()
    if request.switch:
        if request.links:
            from relstore.host.requests import preflight_links

            linked = preflight_links.judge(real, request.app, request.recipe, request.links)
            switched += linked.problems
            notes += linked.notes
        switched += detaching()
        if request.recipe.unit_names:
            # Not at the top: it loads all that asks systemd.
            from relstore.host.requests import preflight_units

            started = preflight_units.started(real, request.app, request.recipe)
            switched += preflight_units.unit_problems(real, request.app, request.recipe, password)
    own = tuple(f"{directory}/apps/{request.app}/" for directory in (root, real))
    programs = preflight_programs.judge(request.programs, started, own)
    return Preflighted((*programs.problems, *switched), (*programs.notes, *notes))


def detaching() -> Iterator[Problem]:
    """Whether the job of an activation would outlive the session."""
    try:
        survival.method()
    except RelstoreError as error:
        yield Problem.of("job-ends-at-logout", error.what, error.hint)
