"""Slots of a program that knows only a TCP port: a socket and a proxy of systemd's before each of them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.hosts.systemd import Network, SystemdHost
from tests.systemd.deployer import Deployer
from tests.systemd.slot_host import KEYS, live, push, release, roles, under_load, wait_for_one_slot

pytestmark = pytest.mark.root

THOROUGH = os.environ.get("RELSTORE_TEST_THOROUGH") == "1"
PROXIES = ("web-port@a.socket", "web-port@a.service", "web-port@b.socket", "web-port@b.service")


@contextmanager
def started(network: Network, directory: Path, *arguments: str) -> Iterator[Deployer]:
    """An ordinary account with exactly the printed rule, at a host where root has installed the units."""
    host = SystemdHost.start(directory, network, "web1", "10.99.1.1")
    try:
        host.wait_running()
        host.run("install", "-d", "-o", "deploy", "-g", "deploy", "/srv/web")
        deployer = Deployer.at(host, directory / "home", "deploy")
        rule = deployer.does("sudoers", "--unit", "web@").out
        host.run("sh", "-c", "umask 337; cat > /etc/sudoers.d/relstore", input=rule)
        installed = Deployer.at(host, directory / "root").does(
            "unit", "bin/web", *arguments, "--app", "web", "--drain", "10s", "--name", "web@", "--front", "80",
            "--slot-port", "8001,8002", "--install",
        ).out  # fmt: skip
        for name in ("web@.service", "web-port@.socket", "web-port@.service", "web.socket", "web.service"):
            assert f"/etc/systemd/system/{name}" in installed
        host.run("systemctl", "start", "web.socket")
        first = push(deployer, "first")
        assert first.code == 0, first.err
        yield deployer
    finally:
        host.stop()


@pytest.fixture
def ports(network: Network, tmp_path: Path) -> Iterator[Deployer]:
    with started(network, tmp_path, "port={port}") as deployer:
        yield deployer


def active(deployer: Deployer) -> list[str]:
    said = deployer.host.run("systemctl", "is-active", *PROXIES, check=False).stdout.split()
    return [name for name, state in zip(PROXIES, said, strict=True) if state == "active"]


def wait_for_proxies(deployer: Deployer, *expected: str) -> None:
    """systemctl returns when the slot has stopped; what stops with it does so right after that."""
    deadline = time.monotonic() + 10
    while active(deployer) != [*expected] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert active(deployer) == [*expected]


def test_a_push_and_the_way_back_fail_no_request(ports: Deployer) -> None:
    with under_load(ports) as load:
        time.sleep(1)
        second = push(ports, "second")
        assert second.code == 0, second.err
        status = ports.status()
        assert roles(status) == {"a": "draining", "b": "live"}
        # The drain sees what goes through the proxy.
        assert all(slot["connections"] > 0 for slot in status["slots"])  # type: ignore[attr-defined]
        time.sleep(1)
        back = ports.run("switch-generation", "-1", *KEYS)
        assert back.code == 0, back.err
        bad = push(ports, "third", "answers 500")
        assert bad.code == 3, bad.err
        assert "no request reached it" in bad.err
        time.sleep(0.5)
    assert load.account.broken == []
    assert set(load.account.releases) == {"first", "second"}
    assert load.account.releases["second"] > 100
    assert wait_for_one_slot(ports) == "a"
    assert live(ports) == "/run/web-a/sock"
    wait_for_proxies(ports, "web-port@a.socket", "web-port@a.service")
    assert ports.status()["drift"] is None
    ports.host.power_cut()
    ports.host.boot()
    ports.host.wait_running()
    assert active(ports)[:1] == ["web-port@a.socket"]
    with under_load(ports) as load:
        time.sleep(1)
    assert load.account.broken == []


@pytest.mark.skipif(not THOROUGH, reason="the long form")
@pytest.mark.parametrize("mode", ["exits at once", "crashes after 1 s", "never listens"])
def test_a_release_that_fails_its_check_is_reached_by_nobody(ports: Deployer, mode: str) -> None:
    with under_load(ports) as load:
        time.sleep(0.5)
        ran = push(ports, "second", mode, "--health-stable", "2s")
        time.sleep(0.5)
    assert (ran.code, load.account.broken) == (3, []), ran.err
    assert set(load.account.releases) == {"first"}
    assert wait_for_one_slot(ports) == "a"
    wait_for_proxies(ports, "web-port@a.socket", "web-port@a.service")


@pytest.mark.skipif(not THOROUGH, reason="the long form")
def test_a_program_may_find_its_port_in_the_environment(network: Network, tmp_path: Path) -> None:
    with started(network, tmp_path) as deployer:
        with under_load(deployer) as load:
            second = push(deployer, "second")
            assert second.code == 0, second.err
            time.sleep(0.5)
        assert load.account.broken == []
        assert wait_for_one_slot(deployer) == "b"


@pytest.mark.skipif(not THOROUGH, reason="the long form")
def test_a_program_that_finishes_its_connections_has_them_until_then(ports: Deployer) -> None:
    """The proxy stops after the program, or SIGTERM to the program would cut them."""
    build = release(ports, "second", ends="politely")
    second = ports.run("push", build, *KEYS)  # the first one does not finish its connections
    assert second.code == 0, second.err
    assert wait_for_one_slot(ports) == "b"
    (build / "version").write_text("third")
    with under_load(ports) as load:
        time.sleep(1)
        third = ports.run("push", build, *KEYS, "--drain-announce")
        assert third.code == 0, third.err
        assert wait_for_one_slot(ports) == "a"
    assert load.account.broken == []
    assert load.account.releases["second"] > 20
    assert load.account.releases["third"] > 20
