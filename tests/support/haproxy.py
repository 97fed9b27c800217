"""A real HAProxy on this machine, with a runtime API in a directory of the test's."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relstore.formats.front import HaproxyApi
from relstore.formats.names import BackendName

PROGRAM = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

_CONFIG = """\
global
    stats socket {directory}/admin.sock level {level}
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
backend web
{lines}
"""
SERVERS = """\
    server live unix@{directory}/live weight 100
    server next unix@{directory}/next weight 0
"""


class RealHaproxy:
    """One that runs, until it is stopped."""

    def __init__(self, directory: Path, level: str, servers: str) -> None:
        self.api = HaproxyApi(f"{directory}/admin.sock", BackendName("web"))
        self._config = directory / "haproxy.cfg"
        lines = servers.format(directory=directory)
        self._config.write_text(_CONFIG.format(directory=directory, level=level, lines=lines))
        self._process = self._start()

    def restart(self) -> None:
        """It forgets what it was told."""
        self.stop()
        self._process = self._start()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        Path(self.api.socket).unlink(missing_ok=True)

    def _start(self) -> subprocess.Popen[bytes]:
        assert PROGRAM is not None
        process = subprocess.Popen([PROGRAM, "-db", "-f", str(self._config)], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not Path(self.api.socket).exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return process


def need_haproxy() -> None:
    """Skip the test where there is none, unless there must be."""
    if PROGRAM is None:
        if os.environ.get("RELSTORE_REQUIRE_SYSTEMD"):
            pytest.fail("no haproxy here (Debian: haproxy)")
        pytest.skip("no haproxy here (Debian: haproxy)")


@contextmanager
def running(directory: Path, *, level: str = "admin", servers: str = SERVERS) -> Iterator[RealHaproxy]:
    """``servers``: the lines of its backend ``web``."""
    need_haproxy()
    haproxy = RealHaproxy(directory, level, servers)
    try:
        yield haproxy
    finally:
        haproxy.stop()
