"""Waits until a release is healthy: its units stay up and execute it, and its probes are answered.

Checks again and again until everything is healthy, cannot become healthy, or the time is up. Not for judging
what was seen of a unit (``unit_health``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from relstore.formats.names import Digest, UnitName
from relstore.formats.recipe import Recipe
from relstore.host.service import link_use, probes, running_build
from relstore.host.service.members import Member, expand
from relstore.host.service.pump import OutputSink
from relstore.host.service.running_build import Execution
from relstore.host.service.services import Services
from relstore.host.service.unit_health import (
    BROKEN,
    HEALTHY,
    WAITING,
    HealthState,
    Look,
    judge,
    judge_bystander,
)

_TELL_EVERY_S = 1.0
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

    def __init__(
        self,
        recipe: Recipe,
        services: Services,
        *,
        directory: str,
        output: OutputSink,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``tell`` is told, now and then, what keeps the release from being healthy."""
        self._recipe = recipe
        self._health = recipe.health
        self._services = services
        self._directory = directory
        self._output = output
        self._notes: dict[UnitName, str] = {}
        self._tell = tell
        self._told = ("", 0.0)

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
        members = expand(self._recipe.units.names, self._services.systemd.state, subject.current)
        looks: dict[Member, list[Look]] = {member: [] for member in members}
        self._notes.clear()
        while True:
            state, reason = self._check_once(subject, looks, deadline, restarted)
            if state == HEALTHY:
                self._say_notes()
                return ""
            if state == BROKEN:
                return reason
            left = deadline - time.monotonic()
            if left <= 0:
                return f"not healthy within {self._health.timeout / 1000:g} s: {reason}"
            self._say_answer(reason)
            time.sleep(min(self._health.interval / 1000, left))

    def stays(self, subject: Subject, seconds: float) -> str:
        """Watch for so long; ``""``, or what went wrong, at once. For a recipe with ``stable`` 0."""
        if self.is_empty:
            return ""
        deadline = time.monotonic() + seconds
        members = expand(self._recipe.units.names, self._services.systemd.state, subject.current)
        looks: dict[Member, list[Look]] = {member: [] for member in members}
        while True:
            state, reason = self._check_once(subject, looks, time.monotonic() + _PROBE_S, restarted=True)
            if state != HEALTHY:
                return reason
            left = deadline - time.monotonic()
            if left <= 0:
                return ""
            time.sleep(min(self._health.interval / 1000, left))

    def _check_once(
        self, subject: Subject, looks: Mapping[Member, list[Look]], deadline: float, restarted: bool
    ) -> tuple[HealthState, str]:
        """Check the units and then the probes, in order; the first that is not healthy decides."""
        is_shown_by_member = any(
            member.must_run for member in looks if member.unit not in self._recipe.units.names
        )
        for member, unit_looks in looks.items():
            if not member.must_run:
                verdict = judge_bystander(member.unit, self._services.systemd.state(member.unit))
            else:
                unit_looks.append(self._look(member.unit, subject, restarted, is_shown_by_member))
                before = self._services.restarts_before(member.unit)
                # A slot runs until relstore ends it; the socket that slots share might start the other one.
                on_demand = self._recipe.cut_over is None
                stable = self._health.stable / 1000
                verdict = judge(member.unit, unit_looks, stable, before, on_demand=on_demand)
            if verdict.state != HEALTHY:
                return verdict.state, verdict.reason
        return self._probe(subject, deadline)

    def _say_answer(self, reason: str) -> None:
        said, at = self._told
        now = time.monotonic()
        if reason == said or now < at + _TELL_EVERY_S:
            return
        self._told = reason, now
        probed = [*map(probes.name, self._health.http), *self._health.tcp]
        named = next((f"{name}: " for name in probed if reason.startswith(f"{name}: ")), None)
        if named is None:
            self._tell(reason)
        else:
            self._tell(f"last answer: {reason[len(named) :].removeprefix('status ')}")

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

    def _look(self, unit: UnitName, subject: Subject, restarted: bool, is_shown_by_member: bool) -> Look:
        state = self._services.systemd.state(unit)
        now = time.monotonic()
        if not (self._recipe.units.run_build and restarted and state.active == "active"):
            return Look(now, state, None, "")
        if not state.main_pid:
            if is_shown_by_member or state.sub == "exited":
                return Look(now, state, None, "")
            self._notes[unit] = f"only its probes say that {unit} is healthy; it has no main process"
            return Look(now, state, None, "", unseen=not self._is_probed)
        execution = running_build.execution(
            state.main_pid,
            subject.build,
            subject.current,
            young=state.started / 1e6 >= subject.switched,
            through=link_use.goes_through(state.places, subject.current),
        )
        self._note(unit, execution)
        unseen = execution.runs is None and not self._is_probed
        return Look(now, state, execution.runs, execution.program, unseen)

    @property
    def _is_probed(self) -> bool:
        return bool(self._health.http or self._health.tcp or self._health.commands)

    def _note(self, unit: UnitName, execution: Execution) -> None:
        """Remember what the verdict relies on where the process itself was not seen."""
        self._notes.pop(unit, None)
        if execution.seen:
            return
        unseen = "this account may not look into its process"
        self._notes[unit] = (
            f"systemd says that {unit} was started with this build; {unseen}"
            if execution.runs
            else f"only its probes say that {unit} is healthy; {unseen}"
        )

    def _say_notes(self) -> None:
        for note in self._notes.values():
            self._output.say(note)
