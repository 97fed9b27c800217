"""The demo's story: three releases, the third one broken, while the service is being called all the time.

Everything is real: relstore's own commands run as a user runs them, over SSH to the server of ``server``, and
the host's job runs the restart command. It prints nothing; ``tell`` gets the lines.
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from relstore.client.demo.caller import Caller
from relstore.client.demo.server import Keys, Server

Tell = Callable[[str], None]

_GOOD_ENOUGH_S = 60
_ROLLED_BACK = 3


@dataclass(frozen=True)
class Figures:
    """The results of the demo."""

    requests: int
    failures: tuple[str, ...]
    versions: Mapping[str, int]
    codes: tuple[int, ...]
    """The exit codes of the commands, in order."""
    expected: tuple[int, ...]

    @property
    def as_told(self) -> bool:
        """Whether everything went as it should."""
        return (
            self.codes == self.expected
            and not self.failures
            and self.requests > 0
            and set(self.versions) == {"1", "2"}
        )


def run(directory: Path, environment: Mapping[str, str], user: str, tell: Tell) -> Figures:
    """Tell the story in an empty ``directory``. ``environment``: what the commands get, HOME aside."""
    home = directory / "home"
    keys = Keys.create(home)
    server = Server(keys)
    try:
        keys.write_config(server.port, user)
        tell(f"An SSH server with throw-away keys listens on loopback, port {server.port}; call it `demo`.")
        store = directory / "srv"
        with _supervised(directory, store / "apps" / "web" / "current" / "service.py") as (port, restart):
            stage = _Stage(directory, {**environment, "HOME": str(home)}, f"demo:{store}", restart, tell)
            return _tell(stage, port)
    finally:
        server.stop()


@dataclass(frozen=True)
class _Stage:
    directory: Path
    environment: Mapping[str, str]
    target: str
    restart: str
    tell: Tell

    def make_release(self, version: str, *, broken: bool = False) -> Path:
        """A directory to push."""
        site = self.directory / f"web-{version}"
        site.mkdir()
        source = resources.files("relstore.client.demo").joinpath("service.py").read_text("utf-8")
        (site / "service.py").write_text(source, encoding="utf-8")
        (site / "VERSION").write_text(version, encoding="ascii")
        if broken:
            (site / "BROKEN").touch()
        return site

    def push(self, version: str, *, broken: bool = False) -> int:
        site = self.make_release(version, broken=broken)
        words = ["push", f"./{site.name}", "--app", "web", "-m", f"release {version}"]
        return self.relstore(*words, "--restart", self.restart)

    def relstore(self, *words: str) -> int:
        """Show the command as a person would type it, run it, show what it prints."""
        shown = [word for word in words if word not in ("--restart", self.restart)]
        note = "   # with a restart command" if self.restart in words else ""
        self.tell(f"\n$ relstore {shlex.join(shown)}{note}")
        ran = subprocess.run(
            # ssh would look for the throw-away keys in the account's own directory.
            [sys.executable, "-m", "relstore", *words, "--to", self.target, "--ssh", "asyncssh"],
            cwd=self.directory,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_GOOD_ENOUGH_S,
            check=False,
        )
        for line in ran.stdout.splitlines():
            self.tell(f"  {line}")
        return ran.returncode


def _tell(stage: _Stage, port: int) -> Figures:
    expected = (0, 0, _ROLLED_BACK, 0, 0, 0, 0)
    codes = [stage.push("1")]
    caller = Caller(port)
    try:
        stage.tell("\nFrom here on somebody calls the service all the time, each time on a new connection.")
        codes.append(stage.push("2"))
        stage.tell("\nRelease 3 is broken: it ends as soon as it is started.")
        codes.append(stage.push("3", broken=True))
        stage.tell(f"\nThe host went back by itself; the push ended with exit code {codes[-1]}.")
        codes.append(stage.relstore("list-generations"))
        codes.append(stage.relstore("switch-generation", "-1", "--restart", stage.restart))
        codes.append(stage.relstore("switch-generation", "+1", "--restart", stage.restart))
        codes.append(stage.relstore("gc", "--keep", "1"))
    finally:
        caller.stop()
    return Figures(caller.requests, tuple(caller.failures), dict(caller.versions), tuple(codes), expected)


@contextlib.contextmanager
def _supervised(directory: Path, service: Path) -> Iterator[tuple[int, str]]:
    """The supervisor of the web service: its port, and the command that restarts the service."""
    script = directory / "supervisor.py"
    source = resources.files("relstore.client.demo").joinpath("supervisor.py").read_text("utf-8")
    script.write_text(source, encoding="utf-8")
    control = directory / "control"
    words = [sys.executable, str(script)]
    with subprocess.Popen([*words, "run", str(control), str(service)], stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is None or not (line := process.stdout.readline()):
                raise OSError("the demo's supervisor did not start")
            yield int(line), shlex.join([*words, "restart", str(control)])
        finally:
            process.terminate()
