"""Slots in the account's own manager: units, front and store belong to the account, and nothing needs root."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hosts.base_tree import ACCOUNT_ID
from tests.support.hosts.systemd import Network, SystemdHost
from tests.support.user import Ran
from tests.systemd.deployer import Deployer
from tests.systemd.slot_host import release, roles, under_load
from tests.systemd.steps import caught

pytestmark = pytest.mark.root

ROOT = "/home/deploy/web"
KEYS = (
    "--app", "web", "--unit", "web@", "--user", "--http", "http://localhost/health",
    "--health-interval", "100ms", "--health-stable", "500ms", "--health-timeout", "5s", "--watch", "1s",
    "--drain", "10s",
)  # fmt: skip


def push(deployer: Deployer, version: str, mode: str = "good", *flags: str) -> Ran:
    return deployer.run("push", release(deployer, version, mode), *KEYS, *flags)


@pytest.fixture
def own(network: Network, tmp_path: Path) -> Iterator[Deployer]:
    """An account without any right of root, but for lingering."""
    host = SystemdHost.start(tmp_path, network, "web1", "10.99.1.1")
    try:
        host.wait_running()
        host.run("loginctl", "enable-linger", "deploy")
        deployer = Deployer.at(host, tmp_path / "home", "deploy", ROOT)
        installed = deployer.does(
            "unit", "bin/web", "--app", "web", "--name", "web@", "--user", "--front", "8080", "--install"
        )
        assert f"{ROOT[:-4]}/.config/systemd/user/web@.service" in installed.out
        assert "linger" not in installed.err
        host.ssh("systemctl --user start web.socket")
        first = push(deployer, "first")
        assert first.code == 0, first.err
        yield deployer
    finally:
        host.stop()


def slots(deployer: Deployer) -> list[str]:
    return deployer.host.run("ls", f"{ROOT}/apps/web/slots").stdout.split()


def wait_for_one_slot(deployer: Deployer) -> str:
    deadline = time.monotonic() + 40
    while len(found := slots(deployer)) != 1:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found[0]


def live(deployer: Deployer) -> str:
    return deployer.host.run("readlink", f"{ROOT}/apps/web/live").stdout.strip()


def test_a_push_the_way_back_and_a_bad_release_fail_no_request(own: Deployer) -> None:
    with under_load(own, 8080) as load:
        time.sleep(1)
        second = push(own, "second")
        assert second.code == 0, second.err
        status = own.status()
        assert roles(status) == {"a": "draining", "b": "live"}
        assert all(slot["connections"] is not None for slot in status["slots"])  # type: ignore[attr-defined]
        time.sleep(1)
        back = own.run("switch-generation", "-1", *KEYS)
        assert back.code == 0, back.err
        bad = push(own, "third", "answers 500")
        assert bad.code == 3, bad.err
        assert "no request reached it" in bad.err
        time.sleep(0.5)
    assert load.account.broken == []
    assert set(load.account.releases) == {"first", "second"}
    assert load.account.releases["second"] > 100
    assert wait_for_one_slot(own) == "a"
    assert live(own) == f"/run/user/{ACCOUNT_ID}/web-a/sock"
    assert own.status()["drift"] is None


def test_after_a_power_cut_it_serves_before_anybody_logs_in(own: Deployer) -> None:
    words = ("push", release(own, "second"), *KEYS, "-v", "--watch", "5s")
    own.does("unit", "--user", "--recover", "--install")
    with caught(own, "watching", *words) as client:
        own.host.power_cut()
        client.kill()
    own.host.boot()
    own.host.wait_running()
    assert wait_for_one_slot(own) == "a"
    with under_load(own, 8080) as load:
        time.sleep(1)
    assert load.account.broken == []
    assert set(load.account.releases) == {"first"}
