"""The demo's story of a cut-over: releases take over from each other while the service is being called.

As in ``story``, everything is real: relstore's own commands, the units that ``relstore unit`` prints, and
the systemd of the account that runs the demo. It prints nothing; ``tell`` gets the lines.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from relstore.client.demo import user_units
from relstore.client.demo.caller import Caller
from relstore.client.demo.server import ADDRESS
from relstore.client.demo.stage import ROLLED_BACK, DemoStage, Figures, Tell, stage

_APP = "relstore-demo"
_TOML = """\
app = "{app}"
artifact = "release"
unit = "{app}@"              # a template: releases run as {app}@a and {app}@b
user = true                            # of this account's own systemd
http = "http://localhost/"             # asked at the socket of the slot that is checked
http-body = "^[0-9]+$"
health-timeout = "5s"
health-stable = "1s"
watch = "2s"
standby = true                         # the previous release keeps running, to go back to
ignore-preflight = ["unit-ends-at-logout"]
"""


def run(directory: Path, environment: Mapping[str, str], user: str, tell: Tell) -> Figures:
    """Tell the story in an empty ``directory``. Raises RelstoreError where the account has no systemd."""
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    environment = {**environment, "XDG_RUNTIME_DIR": runtime}
    user_units.need_systemd(environment)
    with stage(directory, environment, user, tell) as at:
        toml = _TOML.format(app=_APP)
        (directory / "relstore.toml").write_text(toml, encoding="utf-8")
        tell("\nIts relstore.toml:\n\n" + "".join(f"  {line}\n" for line in toml.splitlines()))
        port = _free_port()
        unit = at.relstore(
            "unit", "service.py", "--front", str(port), "--", f"{{runtime}}/{_APP}-{{slot}}/sock", shown=3
        )
        units = Path(runtime, "systemd/user")
        with user_units.installed(unit.text, f"{ADDRESS}:{port}", environment, units) as names:
            tell(f"\nsystemd has them now: {', '.join(names)}. Its own proxy listens on port {port}.")
            return _tell(at, port)


def _tell(at: DemoStage, port: int) -> Figures:
    expected = (0, 0, 0, 0, 0, ROLLED_BACK, 0)
    codes = [_push(at, "1")]
    caller = Caller(port)
    try:
        at.tell("\nFrom here on somebody calls the service all the time, each time on a new connection.")
        codes.append(_push(at, "2"))
        at.tell(_count("Release 2 has taken over, and release 1 still runs beside it", caller))
        codes.append(at.relstore("status").code)
        at.tell("\nThe previous release is warm: going back to it starts nothing.")
        codes.append(_timed(at, "switch-generation", "-1"))
        codes.append(_timed(at, "switch-generation", "+1"))
        at.tell("\nRelease 3 is broken: it starts, and answers every request with an error.")
        codes.append(_push(at, "3", broken=True))
        at.tell(_count("Nobody has ever reached it", caller))
        codes.append(at.relstore("list-generations").code)
    finally:
        caller.stop()
    return Figures(caller.requests, tuple(caller.failures), dict(caller.versions), tuple(codes), expected)


def _timed(at: DemoStage, *words: str) -> int:
    began = time.monotonic()
    code = at.relstore(*words).code
    at.tell(f"  ({time.monotonic() - began:.1f} s, for 2 s of which it had the traffic and was watched)")
    return code


def _push(at: DemoStage, version: str, *, broken: bool = False) -> int:
    release = at.directory / "release"
    release.mkdir(exist_ok=True)
    source = resources.files("relstore.client.demo").joinpath("slot_service.py").read_text("utf-8")
    program = release / "service.py"
    program.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
    program.chmod(0o755)
    (release / "VERSION").write_text(version, encoding="ascii")
    if broken:
        (release / "BROKEN").touch()
    return at.relstore("push", "-m", f"release {version}").code


def _count(what: str, caller: Caller) -> str:
    answered = ", ".join(f"{count:,} by release {name}" for name, count in sorted(caller.versions.items()))
    return f"\n{what}: {caller.requests:,} requests so far, {len(caller.failures)} failed ({answered})."


def _free_port() -> int:
    with socket.create_server((ADDRESS, 0)) as server:
        port: int = server.getsockname()[1]
        return port
