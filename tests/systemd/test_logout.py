"""logind ends the processes of sessions that end: the activation survives that, or is refused with advice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hosts.systemd import Network, SystemdHost
from tests.systemd.deployer import Deployer
from tests.systemd.releases import UNIT
from tests.systemd.steps import caught

pytestmark = pytest.mark.root

ROOT = "/home/deploy/web"
STRICT = {"/etc/systemd/logind.conf.d/strict.conf": "[Login]\nKillUserProcesses=yes\n"}
USER_UNIT = UNIT.replace("/srv/web", ROOT).replace("multi-user.target", "default.target")


@pytest.fixture
def strict_host(network: Network, tmp_path: Path) -> Iterator[SystemdHost]:
    """A host that ends all processes of a user at logout, with a unit of the account's own manager."""
    files = {**STRICT, "/home/deploy/.config/systemd/user/web.service": USER_UNIT}
    host = SystemdHost.start(tmp_path, network, "strict", "10.99.1.2", files=files)
    try:
        host.wait_running()
        yield host
    finally:
        host.stop()


def test_without_lingering_it_is_refused_with_advice(strict_host: SystemdHost, tmp_path: Path) -> None:
    deployer = Deployer.at(strict_host, tmp_path / "home", "deploy", ROOT)
    ran = deployer.push("good", "first", "--user")
    assert ran.code == 1
    assert "ends all processes of deploy when its last session ends" in ran.err
    assert "loginctl enable-linger deploy" in ran.err
    assert "the units of deploy stop when its last session ends" in ran.err
    assert not (strict_host.root_path / "home/deploy/web/apps").exists() or not list(
        (strict_host.root_path / "home/deploy/web/apps").iterdir()
    )


def test_a_unit_of_the_account_needs_lingering_anywhere(network: Network, tmp_path: Path) -> None:
    """The service would be active, and gone some seconds after the session."""
    files = {"/home/deploy/.config/systemd/user/web.service": USER_UNIT}
    host = SystemdHost.start(tmp_path, network, "lenient", "10.99.1.3", files=files)
    try:
        host.wait_running()
        deployer = Deployer.at(host, tmp_path / "home", "deploy", ROOT)
        ran = deployer.push("good", "first", "--user")
        assert ran.code == 1
        assert "loginctl enable-linger deploy" in ran.err
        own = deployer.does("unit", "--user", "--install", "bin/web", "--app", "web", "--force")
        assert "loginctl enable-linger deploy" in own.err
        host.run("loginctl", "enable-linger", "deploy")
        own = deployer.does("unit", "--user", "--install", "bin/web", "--app", "web")
        assert "enable-linger" not in own.err
        assert deployer.push("good", "first", "--user").code == 0
    finally:
        host.stop()


def test_with_lingering_it_survives_the_logout(strict_host: SystemdHost, tmp_path: Path) -> None:
    strict_host.run("loginctl", "enable-linger", "deploy")
    deployer = Deployer.at(strict_host, tmp_path / "home", "deploy", ROOT)
    first = deployer.push("good", "first", "--user", "-v")
    assert first.code == 0, first.err
    assert "(by systemd-run --user)" in first.err
    slow = deployer.words("good", "second", "--user", "-v", "--before", "cat /proc/$PPID/comm; sleep 3")
    with caught(deployer, "running before", *slow) as client:
        client.kill()
    # The only session is over now, and with it everything that was started in it.
    attached = deployer.run("attach", "--app", "web")
    assert attached.code == 0, attached.err
    assert "relstore-job" in attached.err
    assert deployer.serves() == "second"


def test_root_gets_a_scope_with_a_name_that_can_be_read(deployer: Deployer) -> None:
    line = "systemctl list-units --no-legend 'relstore-*'; echo by $(cat /proc/$PPID/comm)"
    ran = deployer.push("good", "first", "-v", "--before", line)
    assert ran.code == 0, ran.err
    assert "(by systemd-run)" in ran.err
    assert "relstore-web-" in ran.err
    assert "activation of web" in ran.err
    assert "by relstore-job" in ran.err


def test_root_gets_one_where_nothing_but_systemd_run_can_ask_for_it(deployer: Deployer) -> None:
    deployer.host.run("systemctl", "stop", "dbus.socket", "dbus.service")
    try:
        ran = deployer.push("good", "first", "-v", "--before", "echo by $(cat /proc/$PPID/comm)")
    finally:
        deployer.host.run("systemctl", "start", "dbus.socket", "dbus.service")
    assert ran.code == 0, ran.err
    assert "(by systemd-run)" in ran.err
    assert "by python3" in ran.err
