"""The timer of docs/monitoring.md on a host with systemd: it runs, and runs what the program takes."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.cli.main import main
from tests.support.hosts.systemd import Network, SystemdHost

pytestmark = pytest.mark.root

PAGE = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n\n```ini\n(.*?)```", PAGE, re.S))
STAND_IN = '#!/bin/sh\nprintf "%s\\n" "$(id -un)" "$@" > /home/deploy/called\n'


@pytest.fixture
def host(network: Network, tmp_path: Path) -> Iterator[SystemdHost]:
    files = {**FILES, "/usr/bin/relstore": STAND_IN}
    host = SystemdHost.start(tmp_path, network, "monitor", "10.99.1.48", files=files)
    try:
        host.wait_running()
        yield host
    finally:
        host.stop()


def test_the_timer_runs_the_command_every_minute(host: SystemdHost) -> None:
    units = [f"/etc/systemd/system/relstore-metrics.{kind}" for kind in ("service", "timer")]
    assert sorted(FILES) == sorted(units)
    assert host.run("systemd-analyze", "verify", *units).stderr == ""
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "enable", "--now", "relstore-metrics.timer")
    deadline = time.monotonic() + 90
    while host.run("test", "-s", "/home/deploy/called", check=False).returncode:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    account, *words = host.run("cat", "/home/deploy/called").stdout.split()
    assert account == "deploy"
    taken(words)


@pytest.mark.parametrize("line", re.findall(r"(?m)^\* \* \* \* \* deploy /usr/bin/relstore (.*)$", PAGE))
def test_the_line_of_cron_is_the_same_command(line: str) -> None:
    words = shlex.split(line)
    taken(words)
    assert f"ExecStart=/usr/bin/relstore {line}\n" in FILES["/etc/systemd/system/relstore-metrics.service"]


def taken(words: list[str]) -> None:
    """Whether the program takes these words."""
    name, *rest = words
    context = main.make_context("relstore", [], resilient_parsing=True)
    command = main.get_command(context, name)
    assert command is not None
    given = command.make_context(name, rest, parent=context).params
    assert given["output"] == Path("/var/lib/prometheus/node-exporter/relstore.prom")
