"""Whether a release is well: its units stand still and execute it, then its probes are answered.

Looks again and again until all is well, it is clear that it never will be, or the time is over. What
is seen of a unit is judged in ``unit_health``; here are only the looks and the clock.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from relstore.formats.names import Digest, UnitName
from relstore.formats.recipe import Recipe
from relstore.host.service import probes
from relstore.host.service import running_build as executes
from relstore.host.service.pump import Output
from relstore.host.service.services import Services
from relstore.host.service.unit_health import BAD, WAIT, WELL, Seen, judge

_PROBE_S = 5.0
"""One probe waits no longer for its answer; the next one may be luckier."""


class Subject(NamedTuple):
    """What is to be well."""

    build: Digest
    current: str
    """The absolute path of the app's link."""
    switched: float
    """When the link was switched, in seconds of the monotonic clock."""
    variables: Mapping[str, str]
    """For probes that are commands."""


class Checker:
    """Checks one release as a recipe says."""

    def __init__(self, recipe: Recipe, services: Services, *, directory: str, output: Output) -> None:
        self._recipe = recipe
        self._health = recipe.health
        self._services = services
        self._directory = directory
        self._output = output

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to check."""
        health = self._health
        return not (self._recipe.units.names or health.http or health.tcp or health.commands)

    def check(self, subject: Subject, *, restarted: bool) -> str:
        """``""`` once all is well, else why it is not. ``restarted``: the units' processes must be new."""
        if self.is_empty:
            return ""
        deadline = time.monotonic() + self._health.timeout / 1000
        seen: dict[UnitName, list[Seen]] = {unit: [] for unit in self._recipe.units.names}
        while True:
            kind, reason = self._look(subject, seen, deadline, restarted)
            if kind == WELL:
                return ""
            if kind == BAD:
                return reason
            left = deadline - time.monotonic()
            if left <= 0:
                return f"not well within {self._health.timeout / 1000:g} s: {reason}"
            time.sleep(min(self._health.interval / 1000, left))

    def _look(
        self, subject: Subject, seen: Mapping[UnitName, list[Seen]], deadline: float, restarted: bool
    ) -> tuple[str, str]:
        """One look at everything, in order; the first that is not well decides."""
        for unit, looks in seen.items():
            looks.append(self._see(unit, subject, restarted))
            verdict = judge(unit, looks, self._health.stable / 1000, self._services.restarts_before(unit))
            if verdict.kind != WELL:
                return verdict.kind, verdict.reason
        return self._probe(subject, deadline)

    def _probe(self, subject: Subject, deadline: float) -> tuple[str, str]:
        """Ask all that is to be asked; the first wrong answer ends it."""

        def left() -> float:
            return max(0.1, min(_PROBE_S, deadline - time.monotonic()))

        for request in self._health.http:
            answer = probes.http(request, left())
            if answer:
                return WAIT, answer
        for address in self._health.tcp:
            answer = probes.tcp(address, left())
            if answer:
                return WAIT, answer
        for command in self._health.commands:
            answer = probes.command(
                command, subject.variables, directory=self._directory, output=self._output, seconds=left()
            )
            if answer:
                return WAIT, answer
        return WELL, ""

    def _see(self, unit: UnitName, subject: Subject, restarted: bool) -> Seen:
        state = self._services.systemd.state(unit)
        if not (self._recipe.units.run_build and restarted and state.main_pid):
            return Seen(time.monotonic(), state, None, "")
        found = executes.execution(
            state.main_pid,
            subject.build,
            subject.current,
            young=state.started / 1e6 >= subject.switched,
            through=subject.current in state.places,
        )
        return Seen(time.monotonic(), state, found.runs, found.program)
