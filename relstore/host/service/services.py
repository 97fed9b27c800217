"""Starts a release, or the previous one again: through systemd units, or through the deployer's own commands.

What went wrong is kept apart from what is not the release's fault: a limit that was reached before
anything of it ran. Not for checking whether the release is healthy afterwards (``health``).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from relstore.formats import systemctl
from relstore.formats.command import Command
from relstore.formats.names import UnitName
from relstore.formats.recipe import RESTART, Recipe
from relstore.host.machine.privilege import Privilege
from relstore.host.service import commands
from relstore.host.service.commands import CommandResult
from relstore.host.service.pump import OutputSink
from relstore.host.service.systemd import Systemd, UnitState
from relstore.host.service.unit_health import START_LIMIT, end_reason

_STOP_S = 5
"""How long a failed release may take to stop."""
_MARGIN_S = 5
"""How much longer than systemd itself we wait for it."""
_POLL_S = 0.05
_LIMIT_POLL_S = 1.0
_REASON_LOOKS = 10
_REASON_POLL_S = 0.05
_NOT_ITS_FAULT = ("", "success", START_LIMIT)
"""The results of a unit whose new process never ran that say nothing about the release."""


class ServiceFailure(NamedTuple):
    """Why a release is not live, and whether that is its own fault."""

    reason: str
    of_release: bool = True


class Services:
    """The units or commands that run the app on this host, as a recipe says."""

    def __init__(self, recipe: Recipe, privilege: Privilege, *, directory: str, output: OutputSink) -> None:
        self._recipe = recipe
        self._directory = directory
        self._output = output
        self._restarts: dict[UnitName, int] = {}
        self.systemd = Systemd(recipe.units, privilege)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to restart."""
        return not self._recipe.units.names and self._recipe.restart is None and self._recipe.reload is None

    def start_new(
        self, variables: Mapping[str, str], *, first: bool, switched: float
    ) -> ServiceFailure | None:
        """Start the release after the switch, at ``switched``. ``first``: nothing was current before."""
        action = RESTART if first else self._recipe.units.action
        self.count_restarts(action)
        for unit in self._recipe.units.names:
            seconds = self._patience(self.systemd.state(unit))
            problem = self.systemd.act(systemctl.act(action), unit, seconds=seconds)
            if problem:
                return self._failure(unit, problem, switched)
        reload = self._recipe.reload
        ran = self._run(self._recipe.restart if first or reload is None else reload, variables)
        # A command that did not say itself that it failed may have failed for any reason.
        return ServiceFailure(ran.problem, of_release=ran.is_verdict) if ran.problem else None

    def start_previous(self, variables: Mapping[str, str], switched: float) -> str:
        """Start the previous generation after the link is back, whatever state the units are in."""
        problem = ""
        self.count_restarts(RESTART)
        for unit in self._recipe.units.names:
            problem = self._bring_back(unit, switched) or problem
        if problem:
            return problem
        return self._run(self._recipe.restart or self._recipe.reload, variables).problem

    def stop(self, since: float = 0.0) -> None:
        """Stop the units. The first release failed, and there is nothing to go back to.

        What was started before ``since`` (seconds of the monotonic clock) is not the release's, and stays.
        """
        for unit in self._recipe.units.names:
            state = self.systemd.state(unit)
            if state.active == "active" and state.main_pid and state.started / 1e6 < since:
                continue
            if self.systemd.stop(unit, seconds=_STOP_S):
                self.systemd.kill(unit)
            self.systemd.clear_failures(unit)

    def count_restarts(self, action: str = "") -> None:
        """Count each unit's own restarts from here on, where ``action`` (by default the recipe's) goes on
        counting those of its whole life."""
        self._restarts.clear()
        if (action or self._recipe.units.action) != RESTART:
            self._restarts = {unit: self.systemd.state(unit).restarts for unit in self._recipe.units.names}

    def restarts_before(self, unit: UnitName) -> int:
        """How many restarts of ``unit`` are older than what was done last."""
        return self._restarts.get(unit, 0)

    def _patience(self, state: UnitState) -> float:
        """How long a unit may take: as long as systemd lets it, so that it is systemd that gives up first."""
        own = self._recipe.restart_timeout
        return max(own, (state.stop_timeout or own) + (state.start_timeout or own) + _MARGIN_S)

    def _bring_back(self, unit: UnitName, switched: float) -> str:
        """Restart it with the commands that are allowed; ``""`` on success."""
        deadline = time.monotonic() + self._patience(self.systemd.state(unit))
        problem = self._restart(unit, switched)
        # systemd refuses to start it for a while if its failures could not be cleared.
        while problem and self.systemd.state(unit).result == START_LIMIT and time.monotonic() < deadline:
            time.sleep(_LIMIT_POLL_S)
            problem = self._restart(unit, switched)
        return problem

    def _restart(self, unit: UnitName, switched: float) -> str:
        # The release may have crashed so often that systemd refuses to start anything. A restart, not a
        # stop and a start: units that need this one would be stopped and not started again.
        self._clear_failures(unit)
        if self.systemd.act(systemctl.RESTART_AT_ONCE, unit, seconds=_STOP_S):
            # sudo may allow only the plain restart, which waits.
            seconds = self._patience(self.systemd.state(unit))
            problem = self.systemd.act(systemctl.act(RESTART), unit, seconds=seconds)
            return self._explained(unit, problem) if problem else ""
        started = time.monotonic()
        patience = self._patience(self.systemd.state(unit))
        killed = False
        while time.monotonic() - started < patience:
            state = self.systemd.state(unit)
            if not state.job:
                return "" if state.active != "failed" else self._explained(unit, f"{unit} failed")
            # It may not stop when it is asked to. A failed release need not be stopped gently; what ran
            # before the switch must be.
            if (
                not killed
                and state.active == "deactivating"
                and state.started / 1e6 >= switched
                and time.monotonic() - started > _STOP_S
            ):
                self.systemd.kill(unit)
                killed = True
            time.sleep(_POLL_S)
        return f"{unit} did not restart within {patience:.0f} s"

    def _clear_failures(self, unit: UnitName) -> None:
        self.systemd.clear_failures(unit)
        if unit.endswith(".target"):
            state = self.systemd.state(unit)
            for member in (*state.restarted_with, *state.pulls_in):
                if member.endswith(".service") and self.systemd.state(UnitName(member)).active == "failed":
                    self.systemd.clear_failures(UnitName(member))

    def _failure(self, unit: UnitName, problem: str, switched: float) -> ServiceFailure:
        state = self.systemd.state(unit)
        # A unit without a Type is no service, and does not tell what it runs. If systemd says nothing at all,
        # as when the host goes down, nobody can blame the release.
        never_ran = not state.load or (
            bool(state.type) and state.started / 1e6 < switched and state.result in _NOT_ITS_FAULT
        )
        return ServiceFailure(self._explained(unit, problem), of_release=not never_ran)

    def _explained(self, unit: UnitName, problem: str) -> str:
        """``systemctl`` says only that the unit failed; the state of the unit says why."""
        for _ in range(_REASON_LOOKS):
            reason = end_reason(self.systemd.state(unit))
            if reason:
                return f"{unit} did not start: {reason}"
            # systemd may just be trying again, and has then forgotten how the last attempt ended.
            time.sleep(_REASON_POLL_S)
        return problem

    def _run(self, command: Command | None, variables: Mapping[str, str]) -> CommandResult:
        if command is None:
            return CommandResult("")
        return commands.run(
            command.words,
            variables=variables,
            directory=self._directory,
            output=self._output,
            seconds=command.timeout,
        )
