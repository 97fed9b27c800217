"""Ways that fail requests. If the load sees nothing wrong with one of them, it proves nothing of the others either.

A restart; a port that two processes share; systemd's proxy as ``Type=notify``; a socket that two processes share
without ``NonBlocking=yes``; and what no trial shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.cut_over_proof.table import Row
from tests.support.hosts.systemd import Network, SystemdHost
from tests.support.load.requests import Account
from tests.support.load.running import Load, Mix, calling
from tests.systemd.deployer import Deployer
from tests.systemd.fronts import SHARED
from tests.systemd.slot_host import KEYS, as_root, push, release, slot_host

MIX = Mix(new=8, busy=4, idle=2, work=4, answer=2, stream=2, answers=(4.0,), streams=(4.0,))
_BUILDS = "/srv/control"
_UNIT = """\
[Unit]
StartLimitIntervalSec=0
[Service]
Type=exec
ExecStart=/srv/control/%i/bin/web
RuntimeDirectory=web-%i
KillMode=mixed
TimeoutStopSec=15
{more}
"""
_SOCKET = "[Socket]\nListenStream=80\nBacklog=4096\nService=web@a.service\n"
_NOTIFY_S = 90
_SHARED_PORTS = 15
_HASTE = replace(MIX, new=40)
"""So many that one is always about to be accepted."""


def run(network: Network, directory: Path) -> Iterator[Row]:
    """They do not depend on what stands in front."""
    for number, (what, control) in enumerate(CONTROLS.items()):
        account = control(network, directory / str(number))
        found = account.broken
        wrong = [] if found else ["it was to fail, and the load saw nothing"]
        reasons = ", ".join(f"{reason} ({count})" for reason, count in account.reasons().most_common(3))
        print(f"  {what}: {account.asked} requests, {reasons}", flush=True)
        yield Row.of("control", what, account, "must fail", wrong)


def restart(network: Network, directory: Path) -> Account:
    """A plain unit that listens on the port, and a push."""
    with _host(network, directory) as (host, deployer):
        text = deployer.does("unit", "--app", "web", "bin/web", "--account", "root").out
        text = text.replace("CapabilityBoundingSet=\n", "")
        as_root(host, "/etc/systemd/system/web.service", text)
        host.run("systemctl", "daemon-reload")
        rule = deployer.does("sudoers", "--unit", "web").out
        host.run("sh", "-c", "umask 337; cat > /etc/sudoers.d/relstore", input=rule)
        words = ("--app", "web", "--unit", "web", "--become", "sudo", "--http", "http://127.0.0.1/health")
        deployer.does("push", _release(deployer, "first", "port"), *words)
        with _calling(host) as load:
            time.sleep(2)
            deployer.does("push", _release(deployer, "second", "port"), *words)
            time.sleep(2)
        return load.account


def shared_port(network: Network, directory: Path) -> Account:
    """Two processes at one port by SO_REUSEPORT, of which one leaves, politely: what is queued at it is lost."""
    with _host(network, directory) as (host, deployer):
        _two_builds(host, deployer, "shared port")
        as_root(host, "/etc/systemd/system/web@.service", _UNIT.format(more=""))
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "start", "web@a")
        time.sleep(1)
        with _calling(host, _HASTE) as load:
            for _ in range(_SHARED_PORTS):
                for new, old in ("ba", "ab"):
                    host.run("systemctl", "start", f"web@{new}")
                    time.sleep(1)
                    host.run("systemctl", "stop", f"web@{old}")
        return load.account


def notify(network: Network, directory: Path) -> Account:
    """The printed front, but as Type=notify: it never says that it is ready, and is killed after 90 s."""
    directory.mkdir(parents=True)
    with slot_host(network, directory) as deployer:
        host = deployer.host
        first = push(deployer, "first")
        assert first.code == 0, first.err
        text = host.run("cat", "/etc/systemd/system/web.service").stdout
        as_root(host, "/etc/systemd/system/web.service", text.replace("Type=exec", "Type=notify"))
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "stop", "web.service", check=False)
        with _calling(host) as load:
            time.sleep(_NOTIFY_S + 10)
        return load.account


def unnoticed(network: Network, directory: Path) -> Account:
    """A release behind a shared socket that answers badly, but only to requests; and the way back by hand."""
    directory.mkdir(parents=True)
    with slot_host(network, directory, front=SHARED) as deployer:
        flags = (*KEYS, *SHARED.flags)
        deployer.does("push", release(deployer, "first", ends="politely"), *flags)
        with _calling(deployer.host) as load:
            time.sleep(2)
            deployer.does("push", release(deployer, "second", "turns bad after 20", ends="politely"), *flags)
            deployer.does("switch-generation", "-1", *flags)
            time.sleep(2)
        return load.account


def blocking_socket(network: Network, directory: Path) -> Account:
    """A second process at a socket of systemd's that hangs before it serves: the first one stalls in accept(2)."""
    with _host(network, directory) as (host, deployer):
        _two_builds(host, deployer, "", second="never listens")
        as_root(host, "/etc/systemd/system/web@.service", _UNIT.format(more="Sockets=web.socket\n"))
        as_root(host, "/etc/systemd/system/web.socket", _SOCKET)
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "start", "web.socket", "web@a")
        time.sleep(1)
        with _calling(host) as load:
            time.sleep(2)
            host.run("systemctl", "start", "web@b")
            time.sleep(25)
        return load.account


@contextmanager
def _host(network: Network, directory: Path) -> Iterator[tuple[SystemdHost, Deployer]]:
    """One without slots."""
    directory.mkdir(parents=True)
    host = SystemdHost.start(directory, network, "web1", "10.99.1.1")
    try:
        host.wait_running()
        host.run("install", "-d", "-o", "deploy", "-g", "deploy", "/srv/web")
        yield host, Deployer.at(host, directory / "home", "deploy")
    finally:
        host.stop()


@contextmanager
def _calling(host: SystemdHost, mix: Mix = MIX) -> Iterator[Load]:
    with calling(host.network.prefix, host.address, mix) as load:
        yield load


def _release(deployer: Deployer, version: str, listens: str) -> Path:
    made = release(deployer, version)
    (made / "listen").write_text(listens)
    return made


def _two_builds(host: SystemdHost, deployer: Deployer, listens: str, *, second: str = "good") -> None:
    """Without relstore: nothing of these ways is its own."""
    for slot, mode in (("a", "good"), ("b", second)):
        made = release(deployer, slot, mode, ends="politely")
        (made / "listen").write_text(listens)
        for path in ("bin/web", "version", "mode", "ends", "listen"):
            as_root(host, f"{_BUILDS}/{slot}/{path}", (made / path).read_text())
        host.run("chmod", "755", f"{_BUILDS}/{slot}/bin/web")


CONTROLS: dict[str, Callable[[Network, Path], Account]] = {
    "a plain unit and a restart": restart,
    "SO_REUSEPORT": shared_port,
    "systemd's proxy as Type=notify": notify,
    "a shared socket without NonBlocking=yes, and a release that hangs": blocking_socket,
    "a shared socket, a release that answers 500 to requests but not to its checks, and the switch back": unnoticed,
}
