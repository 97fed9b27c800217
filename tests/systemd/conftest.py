"""Fixtures of the tests on hosts with a real systemd."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hosts.systemd import Network, SystemdHost, need_systemd_hosts
from tests.systemd.deployer import Deployer
from tests.systemd.releases import UNIT
from tests.systemd.slot_host import push, slot_host


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    need_systemd_hosts()
    with Network() as network:
        yield network


@pytest.fixture
def host(network: Network, tmp_path: Path) -> Iterator[SystemdHost]:
    """A host of the test's own, with the unit of the web service."""
    files = {"/etc/systemd/system/web.service": UNIT, "/srv/web/.keep": ""}
    host = SystemdHost.start(tmp_path, network, "web1", "10.99.1.1", files=files)
    try:
        host.run("rm", "-r", "/srv/web")
        host.wait_running()
        yield host
    finally:
        host.stop()


@pytest.fixture
def deployer(host: SystemdHost, tmp_path: Path) -> Deployer:
    """root at that host."""
    return Deployer.at(host, tmp_path / "home")


@pytest.fixture
def slots(network: Network, tmp_path: Path) -> Iterator[Deployer]:
    """An ordinary account at a host with the printed rule, the printed units and systemd's proxy before them."""
    with slot_host(network, tmp_path) as deployer:
        first = push(deployer, "first")
        assert first.code == 0, first.err
        yield deployer
