"""What counts as seen: the process itself, else what systemd says, else a probe; and nothing else."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from relstore.formats.cut_over import SOCKET, CutOver, trial_unit
from relstore.formats.names import Digest, TemplateName, UnitName
from relstore.formats.recipe import Health, Http, Recipe, Units
from relstore.gc import processes
from relstore.host.job.log import JobLog
from relstore.host.machine import tools
from relstore.host.machine.privilege import Privilege
from relstore.host.machine.tools import ToolResult
from relstore.host.service.health import HealthCheck, Subject
from relstore.host.service.services import Services

LINK = "/srv/web/apps/web/current"
BUILD = Digest("ab" * 32)
WEB = TemplateName.parse("web@")
SLOTS = CutOver(WEB, SOCKET, "/run/web-{slot}/sock", 60, True, 10_000, trial=trial_unit(WEB))
Check = Callable[..., tuple[str, str]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Check a unit whose process another account owns; why it is not healthy, and what the log says."""

    def run(
        *,
        started: float,
        exec_start: str,
        tcp: tuple[str, ...] = (),
        pid: int = 1,
        type_: str = "exec",
        active: str = "active",
        cut_over: CutOver | None = None,
    ) -> tuple[str, str]:
        show = (
            f"LoadState=loaded\nActiveState={active}\nSubState=running\nResult=success\nType={type_}\nMainPID={pid}\n"
            "TriggeredBy=web.socket\n"
            f"ExecMainStartTimestampMonotonic={int(started * 1e6)}\nExecStart={{ path={exec_start} ; }}\n"
        )
        monkeypatch.setattr(tools, "run", lambda *_, **__: ToolResult(0, show, ""))
        monkeypatch.setattr(processes, "builds_used_by", lambda _: (set(), False))
        recipe = Recipe(
            units=Units(names=(UnitName("web.service"),)),
            health=Health(timeout=50, interval=10, stable=0, tcp=tcp),
            cut_over=cut_over,
        )
        log = os.open(tmp_path / "log", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            services = Services(recipe, Privilege(), directory="/", output=JobLog(log))
            checker = HealthCheck(recipe, services, directory="/", output=JobLog(log))
            problem = checker.check(Subject(BUILD, LINK, time.monotonic() - 5, {}), restarted=True)
            return problem, os.pread(log, 10_000, 0).decode()
        finally:
            os.close(log)

    return run


def test_what_systemd_says_is_relied_on_and_said(check: Check) -> None:
    problem, log = check(started=time.monotonic(), exec_start=f"{LINK}/bin/web")
    assert problem == ""
    assert "systemd says that web.service was started with this build; this account may not look into" in log


@pytest.mark.parametrize(("cut_over", "says"), [(None, ""), (SLOTS, "web.service stopped by itself")])
def test_only_a_unit_without_slots_may_wait_for_its_socket(
    check: Check, cut_over: CutOver | None, says: str
) -> None:
    problem, _ = check(started=0, exec_start=f"{LINK}/bin/web", pid=0, active="inactive", cut_over=cut_over)
    assert problem.startswith(says)
    assert bool(problem) is bool(says)


@pytest.mark.parametrize(
    ("age", "exec_start", "pid"),
    [(60, f"{LINK}/bin/web", 1), (0, "/opt/web", 1), (0, f"{LINK}/bin/web", 0)],
)
def test_what_nobody_sees_needs_a_probe(age: float, exec_start: str, pid: int, check: Check) -> None:
    started = time.monotonic() - age
    problem, _ = check(started=started, exec_start=exec_start, pid=pid, type_="forking")
    assert "cannot see what web.service executes, and no probe checks it" in problem
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        problem, log = check(started=started, exec_start=exec_start, pid=pid, tcp=(address,), type_="forking")
    assert problem == ""
    assert "only its probes say that web.service is healthy" in log


class _Refusing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


def test_what_keeps_it_from_being_healthy_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    log = os.open(tmp_path / "log", os.O_RDWR | os.O_CREAT)
    with HTTPServer(("127.0.0.1", 0), _Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/health"
            recipe = Recipe(health=Health(timeout=300, interval=50, http=(Http(url),)))
            services = Services(recipe, Privilege(), directory="/", output=JobLog(log))
            checker = HealthCheck(recipe, services, directory="/", output=JobLog(log), tell=told.append)
            assert "status 404" in checker.check(Subject(BUILD, LINK, 0.0, {}), restarted=False)
        finally:
            server.shutdown()
            os.close(log)
    (answer,) = told
    assert answer.startswith("last answer: 404")
