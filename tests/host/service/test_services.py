"""Bringing the previous generation back with whatever sudo still allows, and however the units are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from relstore.formats import systemctl
from relstore.formats.names import UnitName
from relstore.formats.recipe import Recipe, Units
from relstore.host.job.log import JobLog
from relstore.host.machine import tools
from relstore.host.machine.privilege import Privilege
from relstore.host.machine.tools import ToolResult
from relstore.host.service import services
from relstore.host.service.services import Services

WEB = UnitName("web.service")
REFUSED = ToolResult(1, "", "sudo does not allow this")


class Host(Privilege):
    """A systemd with one unit, which crashed so often that it is not started before ``limit`` tries are over."""

    def __init__(self, allowed: Sequence[systemctl.Words], limit: int = 0) -> None:
        super().__init__()
        self.allowed = {*allowed}
        self.limit = limit
        self.result = "start-limit-hit" if limit else "success"
        self.ran: list[systemctl.Words] = []

    def run(self, words: Sequence[str], *, seconds: float) -> ToolResult:
        action = tuple(words[1:-1])
        if action not in self.allowed:
            return REFUSED
        self.ran.append(action)
        if action == systemctl.RESET_FAILED:
            self.limit = 0
        elif action[0] == "restart" and self.limit:
            self.limit -= 1
            return ToolResult(
                int(action != systemctl.RESTART_AT_ONCE), "", "start request repeated too quickly"
            )
        self.result = "success"
        return ToolResult(0, "", "")

    def show(self, *_: object, **__: object) -> ToolResult:
        active = "failed" if self.result == "start-limit-hit" else "active"
        return ToolResult(0, f"LoadState=loaded\nActiveState={active}\nResult={self.result}\nJob=0\n", "")


def bring_back(host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setattr(tools, "run", host.show)
    monkeypatch.setattr(services, "_LIMIT_POLL_S", 0.01)
    recipe = Recipe(units=Units(names=(WEB,)), restart_timeout=1)
    return Services(recipe, host, directory=str(tmp_path), output=JobLog(2)).start_previous(
        {}, time.monotonic()
    )


ALL = systemctl.commands("restart")


@pytest.mark.parametrize("limit", [0, 3])
@pytest.mark.parametrize(
    "allowed",
    [
        ALL,
        (("restart",),),
        (systemctl.RESTART_AT_ONCE,),
        (("restart",), systemctl.RESET_FAILED),
        tuple(words for words in ALL if words != systemctl.RESET_FAILED),
    ],
)
def test_it_makes_do_with_what_is_allowed(
    allowed: Sequence[systemctl.Words], limit: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host = Host(allowed, limit)
    assert bring_back(host, monkeypatch, tmp_path) == ""
    assert host.result == "success"


def test_without_any_right_to_restart_it_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    host = Host((systemctl.STOP, systemctl.RESET_FAILED))
    assert "sudo does not allow this" in bring_back(host, monkeypatch, tmp_path)


def test_what_is_run_is_what_the_rule_allows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    host = Host(ALL)
    monkeypatch.setattr(tools, "run", host.show)
    recipe = Recipe(units=Units(names=(WEB,)))
    service = Services(recipe, host, directory=str(tmp_path), output=JobLog(2))
    assert service.start_new({}, first=False, switched=time.monotonic()) is None
    service.stop()
    service.systemd.kill(WEB)
    assert service.start_previous({}, time.monotonic()) == ""
    assert {*host.ran} == {*ALL}


@pytest.mark.parametrize(
    ("shown", "blamed"),
    [
        pytest.param(
            "LoadState=loaded\nActiveState=failed\nResult=exit-code\nType=exec\n", True, id="it failed"
        ),
        pytest.param("", False, id="systemd is silent, as on a host that goes down"),
    ],
)
def test_nobody_blames_a_release_of_which_systemd_says_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shown: str, blamed: bool
) -> None:
    host = Host(())  # no restart succeeds
    monkeypatch.setattr(tools, "run", lambda *_, **__: ToolResult(0 if shown else 1, shown, ""))
    service = Services(Recipe(units=Units(names=(WEB,))), host, directory=str(tmp_path), output=JobLog(2))
    failure = service.start_new({}, first=False, switched=time.monotonic())
    assert failure is not None
    assert failure.of_release == blamed


@pytest.mark.parametrize(("started", "stopped"), [(1, False), (int(1e15), True)])
def test_what_ran_before_the_first_release_is_not_stopped_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, started: int, stopped: bool
) -> None:
    host = Host(ALL)
    monkeypatch.setattr(tools, "run", host.show)
    service = Services(Recipe(units=Units(names=(WEB,))), host, directory=str(tmp_path), output=JobLog(2))
    running = service.systemd.state(WEB)._replace(active="active", main_pid=7, started=started)
    monkeypatch.setattr(service.systemd, "state", lambda unit: running)
    service.stop(time.monotonic())
    assert (systemctl.STOP in host.ran) is stopped
