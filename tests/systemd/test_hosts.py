"""The hosts with a real systemd are what they claim to be, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from tests.support.hosts.base_tree import ACCOUNT_ID
from tests.support.hosts.systemd import Network, SystemdHost, need_systemd_hosts

pytestmark = pytest.mark.root

SERVICE = """\
[Service]
ExecStart=/usr/bin/python3 -m http.server 8080 --directory /srv/site
DynamicUser=yes
[Install]
WantedBy=multi-user.target
"""

# Starts a host, says so, and waits for its end.
HOLD_A_HOST = """
import sys
from pathlib import Path
from tests.support.hosts.systemd import Network, SystemdHost

with Network() as network:
    SystemdHost.start(Path(sys.argv[1]), network, "web1", "10.99.0.11").wait_running()
    print(network.name, network.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    need_systemd_hosts()
    with Network() as network:
        yield network


@pytest.fixture(scope="module")
def host(network: Network, tmp_path_factory: pytest.TempPathFactory) -> SystemdHost:
    """One for all tests that change nothing about it."""
    files = {"/etc/systemd/system/site.service": SERVICE, "/srv/site/index.html": "hello"}
    host = SystemdHost.start(tmp_path_factory.mktemp("hosts"), network, "shared", "10.99.0.10", files=files)
    assert host.wait_running() == "running"
    return host


def test_without_root_they_are_skipped_unless_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.delenv("RELSTORE_REQUIRE_SYSTEMD", raising=False)
    with pytest.raises(pytest.skip.Exception, match="need root"):
        need_systemd_hosts()
    monkeypatch.setenv("RELSTORE_REQUIRE_SYSTEMD", "1")
    with pytest.raises(pytest.fail.Exception, match="need root"):
        need_systemd_hosts()


def test_both_accounts_log_in(host: SystemdHost) -> None:
    assert host.ssh("hostname; id -u; echo $HOME; pwd").stdout.split() == [
        "shared",
        str(ACCOUNT_ID),
        "/home/deploy",
        "/home/deploy",
    ]
    assert host.ssh("id -u; echo $HOME", user="root").stdout.split() == ["0", "/root"]


def test_a_command_runs_past_the_network(host: SystemdHost) -> None:
    assert host.run("cat", input="words").stdout == "words"
    assert host.run("id", "-un", user="deploy").stdout == "deploy\n"
    assert host.run("hostname").stdout == "shared\n"
    assert host.run("false", check=False).returncode == 1
    with pytest.raises(subprocess.CalledProcessError):
        host.run("false")


def test_this_machines_own_accounts_and_services_are_not_there(host: SystemdHost) -> None:
    assert host.run("ls", "/home").stdout == "deploy\n"
    assert host.run("ls", "-A", "/root").stdout == ".ssh\n"
    assert not (host.root_path / "etc/systemd/system/sysinit.target.wants").exists()
    assert not Path("/etc/systemd/system/site.service").exists()
    assert (host.root_path / "etc/systemd/system/site.service").read_text() == SERVICE


def test_the_account_has_a_user_manager(host: SystemdHost) -> None:
    assert host.ssh("systemctl --user is-system-running --wait").stdout == "running\n"
    assert "default.target" in host.ssh("systemctl --user list-units --no-pager").stdout
    assert host.ssh("echo $XDG_RUNTIME_DIR").stdout == f"/run/user/{ACCOUNT_ID}\n"


def test_a_unit_serves_to_the_client(host: SystemdHost, network: Network) -> None:
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "enable", "--now", "site.service")
    fetch = f"import urllib.request as r; print(r.urlopen('http://{host.address}:8080/').read().decode())"
    command = [*network.prefix, sys.executable, "-c", fetch]

    def served() -> bool:
        return subprocess.run(command, capture_output=True, text=True).stdout == "hello\n"

    _wait_until(served)
    assert host.run("systemctl", "is-active", "site.service").stdout == "active\n"


def test_scopes(host: SystemdHost) -> None:
    for scope in (
        host.run("systemd-run", "--scope", "--unit=from-outside", "cat", "/proc/self/cgroup"),
        host.ssh("systemd-run --scope --unit=from-root cat /proc/self/cgroup", user="root"),
    ):
        assert _cgroup(scope).startswith("/system.slice/from-")
    user = _cgroup(host.ssh("systemd-run --user --scope --unit=from-deploy cat /proc/self/cgroup"))
    assert user.startswith(f"/user.slice/user-{ACCOUNT_ID}.slice/user@{ACCOUNT_ID}.service/")
    assert user.endswith("/from-deploy.scope")


def test_what_logind_does_at_logout(network: Network, tmp_path: Path) -> None:
    config = {"/etc/systemd/logind.conf.d/kill.conf": "[Login]\nKillUserProcesses=yes\n"}
    strict = SystemdHost.start(tmp_path, network, "strict", "10.99.0.21", files=config)
    lenient = SystemdHost.start(tmp_path, network, "lenient", "10.99.0.22")
    sleepers = []
    for host in (strict, lenient):
        host.wait_running()
        sleepers.append(host.ssh("nohup sleep 1000 </dev/null >/dev/null 2>&1 & echo $!").stdout.strip())
    _wait_until(lambda: strict.run("kill", "-0", sleepers[0], check=False).returncode == 1)
    assert lenient.run("kill", "-0", sleepers[1], check=False).returncode == 0
    strict.ssh("systemd-run --quiet --user --unit=stays sleep 1000; loginctl enable-linger")
    assert strict.ssh("systemctl --user is-active stays").stdout == "active\n"
    assert (strict.root_path / "var/lib/systemd/linger/deploy").exists()
    for host in (strict, lenient):
        host.stop()


def test_a_power_cut_ends_all_and_keeps_the_files(network: Network, tmp_path: Path) -> None:
    host = SystemdHost.start(tmp_path, network, "web1", "10.99.0.31")
    host.wait_running()
    host.ssh("echo kept > kept; sync; echo lost > /tmp/lost")
    hanging = subprocess.Popen(
        [*host.ssh_command(), "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with hanging:
        _exchange(hanging, "before")
        host.power_cut()
        host.power_cut()
        assert not host.is_on
        with pytest.raises(RuntimeError, match="web1 is off"):
            host.run("true")
        assert not host.cgroup.exists()
        assert (host.root_path / "home/deploy/kept").read_text() == "kept\n"
        with pytest.raises(subprocess.TimeoutExpired):
            hanging.wait(1)  # nobody has told the client
        host.boot()
        assert host.wait_running() == "running"
        assert host.ssh("cat kept; ls /tmp/lost", check=False).stdout == "kept\n"
        hanging.kill()
    host.run("systemctl", "poweroff", check=False)
    _wait_until(lambda: not host.is_on)
    host.boot()
    host.wait_running()
    assert host.ssh("cat kept").stdout == "kept\n"
    host.stop()


@pytest.mark.slow
def test_a_cut_line_hangs_and_goes_on(host: SystemdHost, network: Network) -> None:
    with subprocess.Popen(
        [*host.ssh_command(), "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as client:
        try:
            _exchange(client, "before")
            network.cut(host)
            assert client.stdin is not None
            client.stdin.write(b"meanwhile\n")
            client.stdin.flush()
            another = [*host.ssh_command(), "true"]
            with pytest.raises(subprocess.TimeoutExpired):
                subprocess.run(another, timeout=4, check=False)
            assert client.poll() is None
            network.join(host)
            assert client.stdout is not None
            assert _line(client.stdout) == "meanwhile"
            _exchange(client, "after")
            client.stdin.close()
            assert client.wait(60) == 0
        finally:
            client.kill()  # the end of the block waits for it


def test_three_at_once_and_nothing_left_behind(tmp_path: Path) -> None:
    need_systemd_hosts()
    with Network() as network:

        def start(number: int) -> SystemdHost:
            host = SystemdHost.start(tmp_path, network, f"web{number}", f"10.99.0.{number}")
            host.wait_running()
            return host

        with ThreadPoolExecutor() as pool:
            hosts = list(pool.map(start, (11, 12, 13)))
        assert [host.ssh("hostname").stdout for host in hosts] == ["web11\n", "web12\n", "web13\n"]
        pids = [network.pid, *(host.pid for host in hosts)]
        hosts[0].stop()
        hosts[0].stop()
        assert hosts[1].ssh("hostname").stdout == "web12\n"
    assert not network.cgroup.exists()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    mounts = Path("/proc/self/mountinfo").read_text()
    assert network.name not in mounts
    assert str(tmp_path) not in mounts


def test_a_file_never_ends_up_on_this_machine(network: Network, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="goes through a link"):
        SystemdHost.start(tmp_path, network, "web1", "10.99.0.41", files={"/var/run/relstore-test": ""})
    assert not Path("/run/relstore-test").exists()


def test_two_networks_do_not_meet(network: Network, tmp_path: Path) -> None:
    with Network() as other:
        host = SystemdHost.start(tmp_path, other, "shared", "10.99.0.10")
        assert host.wait_running() == "running"
        assert host.ssh("hostname").stdout == "shared\n"
        assert other.name != network.name


def test_killed_tests_leave_no_host_behind(tmp_path: Path) -> None:
    need_systemd_hosts()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_A_HOST, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as tests:
        assert tests.stdout is not None
        name, pid = _line(tests.stdout).split()
        tests.send_signal(signal.SIGKILL)
    _wait_until(lambda: not os.path.exists(f"/proc/{pid}"))
    assert name not in Path("/proc/self/mountinfo").read_text()
    with Network() as network:
        assert not network.cgroup.with_name(name).exists()


def _exchange(client: subprocess.Popen[bytes], word: str) -> None:
    """``cat`` on the host answers with the same word."""
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(f"{word}\n".encode())
    client.stdin.flush()
    assert _line(client.stdout) == word


def _cgroup(told: subprocess.CompletedProcess[str]) -> str:
    """The one of version 2, which comes last where this machine has version 1 too."""
    return told.stdout.strip().rpartition("0::")[2]


def _line(stream: IO[bytes]) -> str:
    return stream.readline().decode().strip()


def _wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
