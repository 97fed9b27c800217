"""Starts a release, or the previous one again: through systemd units, or through the deployer's own commands.

Each function returns ``""`` on success, else what went wrong. Not for checking whether the release is healthy
afterwards (``health``).
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from relstore.formats import systemctl
from relstore.formats.names import UnitName
from relstore.formats.recipe import RESTART, Command, Recipe
from relstore.host.machine.privilege import Privilege
from relstore.host.service import commands
from relstore.host.service.systemd import Systemd
from relstore.host.service.unit_health import START_LIMIT, end_reason

_STOP_S = 5
"""How long a failed release may take to stop."""
_POLL_S = 0.05
_LIMIT_POLL_S = 1.0


class Services:
    """The units or commands that run the app on this host, as a recipe says."""

    def __init__(self, recipe: Recipe, privilege: Privilege, *, directory: str, log: int) -> None:
        self._recipe = recipe
        self._directory = directory
        self._log = log
        self.systemd = Systemd(recipe.units, privilege)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to restart."""
        return not self._recipe.units.names and self._recipe.restart is None and self._recipe.reload is None

    def start_new(self, variables: Mapping[str, str], *, first: bool) -> str:
        """Start the release after the switch to it. ``first``: nothing was current before."""
        action = RESTART if first else self._recipe.units.action
        for unit in self._recipe.units.names:
            problem = self.systemd.act(systemctl.act(action), unit, seconds=self._recipe.restart_timeout)
            if problem:
                return self._explained(unit, problem)
        reload = self._recipe.reload
        return self._run(self._recipe.restart if first or reload is None else reload, variables)

    def start_previous(self, variables: Mapping[str, str]) -> str:
        """Start the previous generation after the link is back, whatever state the units are in."""
        problem = ""
        for unit in self._recipe.units.names:
            problem = self._bring_back(unit) or problem
        if problem:
            return problem
        return self._run(self._recipe.restart or self._recipe.reload, variables)

    def stop(self) -> None:
        """Stop the units. The first release failed, and there is nothing to go back to."""
        for unit in self._recipe.units.names:
            if self.systemd.stop(unit, seconds=_STOP_S):
                self.systemd.kill(unit)
            self.systemd.clear_failures(unit)

    def _bring_back(self, unit: UnitName) -> str:
        """Restart it with the commands that are allowed; ``""`` on success."""
        deadline = time.monotonic() + self._recipe.restart_timeout
        problem = self._restart(unit)
        # systemd refuses to start it for a while if its failures could not be cleared.
        while problem and self.systemd.state(unit).result == START_LIMIT and time.monotonic() < deadline:
            time.sleep(_LIMIT_POLL_S)
            problem = self._restart(unit)
        return problem

    def _restart(self, unit: UnitName) -> str:
        # The release may have crashed so often that systemd refuses to start anything. A restart, not a
        # stop and a start: units that need this one would be stopped and not started again.
        self._clear_failures(unit)
        if self.systemd.act(systemctl.RESTART_AT_ONCE, unit, seconds=_STOP_S):
            # sudo may allow only the plain restart, which waits.
            problem = self.systemd.act(systemctl.act(RESTART), unit, seconds=self._recipe.restart_timeout)
            return self._explained(unit, problem) if problem else ""
        started = time.monotonic()
        killed = False
        while time.monotonic() - started < self._recipe.restart_timeout:
            state = self.systemd.state(unit)
            if not state.job:
                return "" if state.active != "failed" else self._explained(unit, f"{unit} failed")
            # It may not stop when it is asked to, and a failed release need not be stopped gently.
            if not killed and state.active == "deactivating" and time.monotonic() - started > _STOP_S:
                self.systemd.kill(unit)
                killed = True
            time.sleep(_POLL_S)
        return f"{unit} did not restart within {self._recipe.restart_timeout} s"

    def _clear_failures(self, unit: UnitName) -> None:
        self.systemd.clear_failures(unit)
        if unit.endswith(".target"):
            state = self.systemd.state(unit)
            for member in (*state.restarted_with, *state.pulls_in):
                if member.endswith(".service") and self.systemd.state(UnitName(member)).active == "failed":
                    self.systemd.clear_failures(UnitName(member))

    def _explained(self, unit: UnitName, problem: str) -> str:
        """``systemctl`` says only that the unit failed; the state of the unit says why."""
        reason = end_reason(self.systemd.state(unit))
        return f"{unit} did not start: {reason}" if reason else problem

    def _run(self, command: Command | None, variables: Mapping[str, str]) -> str:
        if command is None:
            return ""
        return commands.run(
            command.words,
            variables=variables,
            directory=self._directory,
            log=self._log,
            seconds=command.timeout,
        )
