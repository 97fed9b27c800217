"""Which process is younger than the switch, whatever the wall clock does meanwhile."""

from __future__ import annotations

import time

import pytest

from relstore.formats.names import Digest, UnitName
from relstore.formats.recipe import Health, Recipe, Units
from relstore.host.job.log import JobLog
from relstore.host.machine import clock
from relstore.host.machine.clock import Moment
from relstore.host.machine.privilege import Privilege
from relstore.host.service import running_build
from relstore.host.service.health import HealthCheck, Subject
from relstore.host.service.running_build import Execution
from relstore.host.service.services import Services
from relstore.host.service.systemd import Systemd, UnitState

WEB = UnitName("web.service")


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
@pytest.mark.parametrize(("after", "young"), [(-5.0, False), (5.0, True)])
def test_a_process_is_as_old_as_systemd_says(
    monkeypatch: pytest.MonkeyPatch, jump: float, after: float, young: bool
) -> None:
    """``after``: seconds from the switch to the start of the process."""
    switched = time.monotonic() - 60
    state = UnitState.parse(
        "LoadState=loaded\nActiveState=active\nSubState=running\nType=exec\nMainPID=7\n"
        f"ExecMainStartTimestampMonotonic={int((switched + after) * 1e6)}\n"
    )
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + jump)
    monkeypatch.setattr(Systemd, "state", lambda _self, _unit: state)
    seen: list[bool] = []

    def execution(*_: object, young: bool, through: bool) -> Execution:
        seen.append(young)
        return Execution(True, "program", True)

    monkeypatch.setattr(running_build, "execution", execution)
    recipe = Recipe(units=Units((WEB,)), health=Health(timeout=1000, stable=0))
    log = JobLog(2)
    services = Services(recipe, Privilege(), directory="/", output=log)
    checker = HealthCheck(recipe, services, directory="/", output=log)
    subject = Subject(Digest("0" * 64), "/srv/web/apps/web/current", switched, {})
    assert checker.check(subject, restarted=True) == ""
    assert seen == [young]


def test_a_moment_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = Moment.now()
    again = Moment.parse(f"{moment}\n")
    assert again is not None
    assert again.in_this_boot() == pytest.approx(moment.seconds, abs=1e-5)
    assert Moment.parse("something else") is None
    monkeypatch.setattr(clock, "_boot", lambda: "another boot")
    assert again.in_this_boot() == 0.0, "all that runs was started since"
