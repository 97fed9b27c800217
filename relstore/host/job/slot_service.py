"""The unit of one slot or of a trial: starts it, checks it at its own socket, watches it, and stops it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from relstore.formats.cut_over import Place
from relstore.formats.names import Digest
from relstore.formats.recipe import RESTART, Recipe
from relstore.host.job.log import JobLog
from relstore.host.machine.privilege import Privilege
from relstore.host.service.health import HealthCheck, Subject
from relstore.host.service.services import ServiceFailure, Services
from relstore.host.service.unit_output import UnitOutput

_STOP_S = 90.0
"""systemd's own default."""
_MARGIN_S = 5.0


class SlotService:
    """What runs in ``slot``, whose link is ``path``."""

    def __init__(
        self,
        recipe: Recipe,
        slot: Place,
        path: str,
        privilege: Privilege,
        root: str,
        log: JobLog,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``tell``: see ``HealthCheck``."""
        mine = recipe.for_slot(slot)
        mine = mine._replace(units=mine.units._replace(action=RESTART))
        self._stable = mine.health.stable / 1000
        self._path = path
        # A slot is healthy when it answers at once; for how long it must go on to do so is watched for.
        eager = mine._replace(health=mine.health._replace(stable=0))
        self._services = Services(eager, privilege, directory=root, output=log)
        self._checker = HealthCheck(eager, self._services, directory=root, output=log, tell=tell)
        (self._unit,) = mine.units.names
        self._output = UnitOutput(self._services.systemd, mine.units.names, user=mine.units.user)
        # The link of a slot never changes while its unit runs: whenever that was started, it was this build.
        self._since = 0.0
        self.took = 0.0
        """How many seconds after its start it was healthy for the first time."""

    def is_running(self) -> bool:
        return self._services.systemd.state(self._unit).active == "active"

    def has_ended(self) -> bool:
        """Whether nothing of it runs any more, not even to finish its connections."""
        return self._services.systemd.state(self._unit).active in ("inactive", "failed", "")

    def start(self, variables: Mapping[str, str]) -> ServiceFailure | None:
        """Start it, and wait until systemd says that it has."""
        self._since = time.monotonic()
        self._output.begin()
        return self._services.start_new(variables, first=True, switched=self._since)

    def check(self, build: Digest, variables: Mapping[str, str], *, at_once: bool) -> str:
        """Wait until it is healthy, and then see that it is for as long as a release must be.

        ``at_once``: it has been running, and need not prove that again.
        """
        subject = Subject(build, self._path, self._since, variables)
        problem = self._checker.check(subject, restarted=not at_once)
        self.took = time.monotonic() - self._since
        if problem or at_once:
            return problem
        return self._checker.stays(subject, self._stable)

    def watch(self, build: Digest, variables: Mapping[str, str], seconds: float) -> str:
        """What goes wrong with it within that time, or ``""``."""
        return self._checker.stays(Subject(build, self._path, self._since, variables), seconds)

    def stop(self) -> None:
        """Ask it to end, and give it the time that its unit gives it."""
        self._services.systemd.stop(self._unit, seconds=self.stop_limit())
        self._services.systemd.clear_failures(self._unit)

    def stop_limit(self) -> float:
        """How long it may take to end once it is asked to: for so long its unit lets it."""
        return (self._services.systemd.state(self._unit).stop_timeout or _STOP_S) + _MARGIN_S

    def announce_end(self) -> None:
        """Ask it to end, and do not wait for that."""
        self._services.systemd.stop_at_once(self._unit)

    def stop_at_once(self) -> None:
        """Kill it if it does not end within seconds: nothing is lost by that, or somebody wants it so."""
        self._services.stop()

    def quoted(self) -> str:
        """The last lines that it wrote, for a reason."""
        return self._output.quoted(time.time())
