"""Many real OpenSSH servers on this machine, each with an address and a store of its own.

All have one port, one host key and one key to log in with, so that the client has as much to know as with
real hosts. Not for what is measured with them (``fleet``).
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.hosts.sshd import SSHD, free_port, make_key, public_directory, public_half

_CONFIG = """\
Port {port}
ListenAddress {address}
HostKey {directory}/host_key
PidFile none
AuthorizedKeysFile {directory}/client_key.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UseDNS no
PrintMotd no
PrintLastLog no
LogLevel ERROR
MaxStartups {startups}
"""
_MANY = "200:30:400"
_DEFAULT = "10:30:100"
_CLIENT = """\
Host *
    User {user}
    Port {port}
    IdentityFile {directory}/client_key
    IdentitiesOnly yes
    UserKnownHostsFile {directory}/known_hosts
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
"""
_BEHIND = """\
Host {behind}
    ProxyJump {bastion}
"""
_START_S = _END_S = 60.0


@dataclass(frozen=True)
class ManyHosts:
    """Those that run."""

    directory: Path
    user: str
    port: int
    addresses: tuple[str, ...]
    bastion: str
    """An address with sshd's own MaxStartups, through which all others can be reached as well."""

    def store(self, address: str, name: str) -> str:
        return f"{self.user}@{address}:{self.directory}/stores/{address}/{name}"

    def make_home(self, name: str, *, behind: bool = False) -> Path:
        """A home directory from which all can be reached; ``behind``: through the bastion only."""
        home = self.directory / "homes" / name
        (home / ".ssh").mkdir(parents=True)
        text = _CLIENT.format(user=self.user, port=self.port, directory=self.directory)
        if behind:
            text = _BEHIND.format(behind=f"127.77.*.* !{self.bastion}", bastion=self.bastion) + text
        (home / ".ssh" / "config").write_text(text)
        return home


@contextmanager
def many_hosts(count: int, account: str | None = None) -> Iterator[ManyHosts]:
    """So many, and a bastion. ``account``: as whom to log in; None for the one that runs this."""
    with public_directory() as directory, _ended() as servers:
        for name in ("host_key", "client_key"):
            make_key(directory / name)
        (directory / "client_key.pub").chmod(0o644)
        port = free_port()
        addresses = [f"127.77.{number // 250}.{number % 250 + 1}" for number in range(count)]
        bastion = "127.77.255.1"
        public = public_half(directory / "host_key")
        known = "".join(f"[{address}]:{port} {public}\n" for address in (*addresses, bastion))
        (directory / "known_hosts").write_text(known)
        (directory / "stores").mkdir()
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        for address in (*addresses, bastion):
            place = directory / "stores" / address
            place.mkdir()
            if account is not None:
                shutil.chown(place, account)
            startups = _DEFAULT if address == bastion else _MANY
            servers.append(_start(directory, address, port, startups))
        for address in (*addresses, bastion):
            _wait_for(address, port)
        yield ManyHosts(directory, account or getpass.getuser(), port, tuple(addresses), bastion)


@contextmanager
def _ended() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes to end together."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(_END_S)


def _start(directory: Path, address: str, port: int, startups: str) -> subprocess.Popen[bytes]:
    config = directory / f"sshd_config-{address}"
    config.write_text(_CONFIG.format(port=port, address=address, directory=directory, startups=startups))
    return subprocess.Popen(
        [SSHD, "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _wait_for(address: str, port: int) -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            with socket.create_connection((address, port), timeout=_START_S):
                return
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
