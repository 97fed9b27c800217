"""Waits until a release is healthy: its units stay up and execute it, and its probes are answered.

Checks again and again until everything is healthy, cannot become healthy, or the time is up. Not for judging
what was seen of a unit (``unit_health``).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from relstore.formats.names import Digest, UnitName
from relstore.formats.recipe import Recipe
from relstore.host.service import probes, running_build
from relstore.host.service.pump import Output
from relstore.host.service.services import Services
from relstore.host.service.unit_health import BROKEN, HEALTHY, WAITING, HealthState, Look, judge

_PROBE_S = 5.0
"""How long one probe waits for its answer; the next one may get one sooner."""


class Subject(NamedTuple):
    """The release whose health is checked."""

    build: Digest
    current: str
    """The absolute path of the app's link."""
    switched: float
    """When the link was switched, in seconds of the monotonic clock."""
    variables: Mapping[str, str]
    """What probes that are commands find in their environment."""


class HealthCheck:
    """Checks a release as its recipe says."""

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
        """Wait until everything is healthy, and return ``""``; or return why it is not.

        ``restarted``: the main processes of the units must be new.
        """
        if self.is_empty:
            return ""
        deadline = time.monotonic() + self._health.timeout / 1000
        looks: dict[UnitName, list[Look]] = {unit: [] for unit in self._recipe.units.names}
        while True:
            state, reason = self._check_once(subject, looks, deadline, restarted)
            if state == HEALTHY:
                return ""
            if state == BROKEN:
                return reason
            left = deadline - time.monotonic()
            if left <= 0:
                return f"not healthy within {self._health.timeout / 1000:g} s: {reason}"
            time.sleep(min(self._health.interval / 1000, left))

    def _check_once(
        self, subject: Subject, looks: Mapping[UnitName, list[Look]], deadline: float, restarted: bool
    ) -> tuple[HealthState, str]:
        """Check the units and then the probes, in order; the first that is not healthy decides."""
        for unit, unit_looks in looks.items():
            unit_looks.append(self._look(unit, subject, restarted))
            verdict = judge(
                unit, unit_looks, self._health.stable / 1000, self._services.restarts_before(unit)
            )
            if verdict.state != HEALTHY:
                return verdict.state, verdict.reason
        return self._probe(subject, deadline)

    def _probe(self, subject: Subject, deadline: float) -> tuple[HealthState, str]:
        """Run the probes until one fails."""

        def left() -> float:
            return max(0.1, min(_PROBE_S, deadline - time.monotonic()))

        for request in self._health.http:
            problem = probes.http(request, left())
            if problem:
                return WAITING, problem
        for address in self._health.tcp:
            problem = probes.tcp(address, left())
            if problem:
                return WAITING, problem
        for command in self._health.commands:
            problem = probes.command(
                command, subject.variables, directory=self._directory, output=self._output, seconds=left()
            )
            if problem:
                return WAITING, problem
        return HEALTHY, ""

    def _look(self, unit: UnitName, subject: Subject, restarted: bool) -> Look:
        state = self._services.systemd.state(unit)
        if not (self._recipe.units.run_build and restarted and state.main_pid):
            return Look(time.monotonic(), state, None, "")
        execution = running_build.execution(
            state.main_pid,
            subject.build,
            subject.current,
            young=state.started / 1e6 >= subject.switched,
            through=subject.current in state.places,
        )
        return Look(time.monotonic(), state, execution.runs, execution.program)
