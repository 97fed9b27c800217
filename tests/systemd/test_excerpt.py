"""What a failure quotes of the unit's journal: the new release's lines, or how the account may read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.hosts.systemd import SystemdHost
from tests.support.user import Ran
from tests.systemd.deployer import FAST, Deployer

pytestmark = pytest.mark.root

GOOD = """#!/usr/bin/python3
import os, signal, socket, sys
def leave(*_):
    print("the farewell of the first release", flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, leave)
address = os.environ["NOTIFY_SOCKET"].replace("@", "\\0")
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", address)
while True:
    signal.pause()
"""
BAD = """#!/usr/bin/python3
print("the second release has no database", flush=True)
raise SystemExit(3)
"""


def push(deployer: Deployer, program: str, *flags: str) -> Ran:
    directory = deployer.user.home / "release" / "bin"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "web").write_text(program)
    (directory / "web").chmod(0o755)
    return deployer.run("push", directory.parent, "--app", "web", "--unit", "web", *FAST, *flags)


def test_it_begins_after_the_previous_release_has_gone(deployer: Deployer) -> None:
    assert push(deployer, GOOD).code == 0
    assert push(deployer, BAD).code == 3
    reason = deployer.last_reason()
    assert "the second release has no database" in reason
    assert "farewell" not in reason
    assert "Stopped" not in reason


def test_an_account_that_may_not_read_it_is_told_how(host: SystemdHost, tmp_path: Path) -> None:
    host.run("install", "-d", "-o", "deploy", "-g", "deploy", "/srv/web")
    rule = "deploy ALL=(root) NOPASSWD: ALL\n"
    host.run("sh", "-c", "cat > /etc/sudoers.d/x; chmod 440 /etc/sudoers.d/x", input=rule)
    account = Deployer.at(host, tmp_path / "account", "deploy")
    assert push(account, GOOD, "--become", "sudo").code == 0
    ran = push(account, BAD, "--become", "sudo")
    assert ran.code == 3
    assert "may not read the journal of web.service" in account.last_reason()
    assert "usermod -aG systemd-journal deploy" in ran.err
    host.run("usermod", "-aG", "systemd-journal", "deploy")
    assert push(account, BAD, "--become", "sudo", "-m", "again").code == 3
    assert "the second release has no database" in account.last_reason()
