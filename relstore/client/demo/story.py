"""The demo's story: three releases, the third one broken, while the service is being called all the time.

Everything is real: relstore's own commands run as a user runs them, over SSH to the server of ``server``, and
the host's job runs the restart command. It prints nothing; ``tell`` gets the lines.
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

from relstore.client.demo.caller import Caller
from relstore.client.demo.server import ADDRESS
from relstore.client.demo.stage import ROLLED_BACK, DemoStage, Figures, Tell, stage


def run(directory: Path, environment: Mapping[str, str], user: str, tell: Tell) -> Figures:
    """Tell the story in an empty ``directory``. ``environment``: what the commands get, HOME aside."""
    with stage(directory, environment, user, tell) as at:
        service = at.root / "apps" / "web" / "current" / "service.py"
        with _supervised(directory, service) as (port, restart):
            return _tell(at, port, restart)


def _make_release(directory: Path, version: str, *, broken: bool) -> str:
    """Make a directory to push, and return its name."""
    site = directory / f"web-{version}"
    site.mkdir()
    source = resources.files("relstore.client.demo").joinpath("service.py").read_text("utf-8")
    (site / "service.py").write_text(source, encoding="utf-8")
    (site / "VERSION").write_text(version, encoding="ascii")
    if broken:
        (site / "BROKEN").touch()
    return site.name


def _tell(at: DemoStage, port: int, restart: str) -> Figures:
    hidden = ("--restart", restart, "--http", f"http://{ADDRESS}:{port}/", "--health-interval", "100ms")
    note = "   # with a restart command, and a probe"

    def push(version: str, *, broken: bool = False) -> int:
        site = _make_release(at.directory, version, broken=broken)
        words = ["push", f"./{site}", "--app", "web", "-m", f"release {version}"]
        return at.relstore(*words, hidden=hidden, note=note).code

    def switch(to: str) -> int:
        return at.relstore("switch-generation", to, hidden=hidden, note=note).code

    expected = (0, 0, ROLLED_BACK, 0, 0, 0, 0)
    codes = [push("1")]
    caller = Caller(port)
    try:
        at.tell("\nFrom here on somebody calls the service all the time, each time on a new connection.")
        codes.append(push("2"))
        at.tell("\nRelease 3 is broken: it ends as soon as it is started.")
        codes.append(push("3", broken=True))
        at.tell(f"\nThe host went back by itself; the push ended with exit code {codes[-1]}.")
        codes.append(at.relstore("list-generations").code)
        codes.append(switch("-1"))
        codes.append(switch("+1"))
        codes.append(at.relstore("gc", "--keep", "1").code)
    finally:
        caller.stop()
    return Figures(caller.requests, tuple(caller.failures), dict(caller.versions), tuple(codes), expected)


@contextlib.contextmanager
def _supervised(directory: Path, service: Path) -> Iterator[tuple[int, str]]:
    """The supervisor of the web service: its port, and the host's command that restarts the service."""
    script = directory / "supervisor.py"
    source = resources.files("relstore.client.demo").joinpath("supervisor.py").read_text("utf-8")
    script.write_text(source, encoding="utf-8")
    control = directory / "control"
    words = [sys.executable, str(script)]
    restart = directory / "restart-web"
    restart.write_text(f"#!/bin/sh\nexec {shlex.join([*words, 'restart', str(control)])}\n", encoding="utf-8")
    restart.chmod(0o755)
    with subprocess.Popen([*words, "run", str(control), str(service)], stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is None or not (line := process.stdout.readline()):
                raise OSError("the demo's supervisor did not start")
            yield int(line), f"../{restart.name}"  # the host runs it in the store's directory
        finally:
            process.terminate()
