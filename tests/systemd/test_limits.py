"""Limits that are not the release's: a process that takes its time to end, a clock that jumps, a worn unit."""

from __future__ import annotations

import time

import pytest

from tests.systemd.deployer import Deployer
from tests.systemd.releases import UNIT

pytestmark = [pytest.mark.root, pytest.mark.slow]

SLOW_TO_END = """\
[Unit]
Description=a service that finishes its work before it ends
[Service]
ExecStart=/srv/web/apps/web/current/bin/work
TimeoutStopSec={limit}
KillMode=mixed
"""
WORK = """\
#!/bin/sh
trap 'sleep {seconds}; echo finished >> /srv/finished; exit 0' TERM
while true; do sleep 0.1; done
"""
WORDS = ("--app", "web", "--unit", "web", "--health-stable", "500ms", "--health-timeout", "5s")


def worker(deployer: Deployer, version: str, seconds: int) -> object:
    release = deployer.user.home / "release"
    (release / "bin").mkdir(parents=True, exist_ok=True)
    (release / "version").write_text(version)
    program = release / "bin" / "work"
    program.write_text(WORK.format(seconds=seconds))
    program.chmod(0o755)
    return release


def install(deployer: Deployer, text: str) -> None:
    (deployer.host.root_path / "etc/systemd/system/web.service").write_text(text)
    deployer.host.run("systemctl", "daemon-reload")


def test_the_unit_may_take_as_long_as_systemd_gives_it(deployer: Deployer) -> None:
    """The one before it needs 8 s to end, its unit allows 30, and restart-timeout is 2 s."""
    install(deployer, SLOW_TO_END.format(limit="30s"))
    deployer.does("push", worker(deployer, "first", 8), *WORDS)
    began = time.monotonic()
    deployer.does("push", worker(deployer, "second", 0), *WORDS, "--restart-timeout", "2s")
    assert time.monotonic() - began > 7
    assert (deployer.host.root_path / "srv/finished").read_text() == "finished\n"
    assert deployer.events()[-1] == ("active", 2)


def test_a_wait_that_is_given_up_is_not_the_releases_failure(deployer: Deployer) -> None:
    """Nor is what ran before killed in the middle of its work, for which its unit gives it all the time."""
    install(
        deployer, SLOW_TO_END.format(limit="infinity").replace("[Service]", "[Service]\nTimeoutStartSec=1s")
    )
    deployer.does("push", worker(deployer, "first", 13), *WORDS)
    ran = deployer.run("push", worker(deployer, "second", 0), *WORDS, "--restart-timeout", "3s")
    assert ran.code == 1, ran.err
    assert "did not end within 9 s" in ran.err
    assert (deployer.host.root_path / "srv/finished").read_text() == "finished\n"
    assert deployer.events()[-1] == ("interrupted", 2)
    rows = deployer.does("list-generations", "--app", "web", "--json").document["hosts"][0]["generations"]
    assert sorted(row["state"] for row in rows) == ["current", "never-active"]


def test_a_reload_counts_no_restarts_of_long_ago(deployer: Deployer) -> None:
    install(deployer, UNIT.replace("[Service]", "[Service]\nExecReload=/bin/true\nStartLimitIntervalSec=0"))
    assert deployer.push("good", "first").code == 0
    for _ in range(4):
        deployer.host.run("sh", "-c", "kill -KILL $(systemctl show -P MainPID web)")
        time.sleep(0.8)
    assert int(deployer.host.run("systemctl", "show", "-P", "NRestarts", "web").stdout) >= 3
    ran = deployer.push("good", "second", "--unit-action", "reload")
    assert ran.code == 0, ran.err
