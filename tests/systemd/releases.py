"""Releases of a web service, healthy and unhealthy in every way that the matrix knows, and how each must end."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

SERVICE = Path(__file__).with_name("service.py")
UNIT = """\
[Unit]
Description=the web service of the tests
[Service]
Type=notify
ExecStart=/srv/web/apps/web/current/bin/web
Restart=on-failure
RestartSec=100ms
TimeoutStartSec=4s
TimeoutStopSec=4s
[Install]
WantedBy=multi-user.target
"""
AARCH64 = bytes.fromhex("7f454c4602010100000000000000000002003e00").replace(b"\x3e\x00", b"\xb7\x00") + bytes(
    64
)


@dataclass(frozen=True)
class Release:
    """One release, and what the host makes of it."""

    name: str
    outcome: str
    """What the host records, or ``refused`` where nothing is recorded."""
    code: int
    """The exit code of the push."""
    says: str
    """A part of the message, of the record too where there is one."""
    flags: tuple[str, ...] = field(default=())


MATRIX = (
    Release("good", "active", 0, "is active"),
    Release("exits at once", "rolled-back", 3, "its main process ended with exit code 1"),
    Release("crashes after 2 s", "rolled-back", 3, "crash", ("--health-stable", "3s")),
    Release("crash loop", "rolled-back", 3, "crash"),
    Release("hangs at start", "rolled-back", 3, "took longer than its unit allows"),
    Release("never notifies", "rolled-back", 3, "took longer than its unit allows"),
    Release("answers 500", "rolled-back", 3, "status 500, body 'answers 500'", ("--health-timeout", "4s")),
    Release(
        "answers the wrong body",
        "rolled-back",
        3,
        "its body does not match",
        ("--http-body", "^(?!somebody)", "--health-timeout", "4s"),
    ),
    Release("ignores SIGTERM", "active", 0, "is active"),
    Release("exits 0", "rolled-back", 3, "ended before it reported that it was ready"),
    Release("missing file", "rolled-back", 3, "cannot be executed"),
    Release("not executable", "rolled-back", 3, "cannot be executed"),
    Release("wrong architecture", "refused", 1, "is built for aarch64"),
    Release("a unit that does not exist", "refused", 1, "does not exist", ("--unit", "nothing.service")),
    Release("`before` fails", "failed", 1, "the before command failed", ("--before", "echo no; exit 4")),
    Release(
        "`before` hangs",
        "failed",
        1,
        "did not end within 1 s",
        ("--before", "sleep 60", "--hook-timeout", "1s"),
    ),
)


HARMFUL = """\
#!/bin/sh
(sleep 1; {harm}
kill -KILL $$) &
exec "${{0%/*}}/service"
"""
"""A program that runs the service, does something after a second, and dies of it."""


def make(directory: Path, name: str, version: str) -> Path:
    """The build of the release called ``name``; it answers with ``version``."""
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "bin").mkdir(parents=True)
    (directory / "mode").write_text(name)
    (directory / "version").write_text(version)
    program = directory / "bin/web"
    if name == "wrong architecture":
        program.write_bytes(AARCH64)
        program.chmod(0o755)
    elif name != "missing file":
        shutil.copyfile(SERVICE, program)
        program.chmod(0o644 if name == "not executable" else 0o755)
    return directory


def make_harmful(build: Path, harm: str) -> None:
    """Let the release in ``build`` do ``harm``, a line of shell, after one second, and then crash."""
    program = build / "bin/web"
    program.rename(build / "bin/service")
    program.write_text(HARMFUL.format(harm=harm))
    program.chmod(0o755)
