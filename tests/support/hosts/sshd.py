"""A real OpenSSH server as an ordinary process, with its own keys, configuration and port.

Runs as root or as an ordinary user (who can then only log in as himself). All its state is in one
directory, which an account other than the test's must be able to enter: see ``public_directory``.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.host_side import remove_store

SSHD = "/usr/sbin/sshd"
ADDRESS = "127.0.0.1"

_START_TIMEOUT = 60.0
_POLL = 0.01

_SERVER_CONFIG = """\
Port {port}
ListenAddress {address}
HostKey {directory}/host_key
PidFile none
AuthorizedKeysFile {directory}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
PermitRootLogin prohibit-password
UseDNS no
PrintMotd no
PrintLastLog no
X11Forwarding no
LogLevel VERBOSE
MaxStartups {startups}
MaxSessions 100
Subsystem sftp internal-sftp
"""

_CLIENT_CONFIG = """\
Host *
    User {user}
    IdentityFile {directory}/client_key
    IdentitiesOnly yes
    UserKnownHostsFile {directory}/known_hosts
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
"""


class Sshd:
    """A running server. ``config`` is an ssh_config with which a client gets in."""

    def __init__(
        self, directory: Path, port: int, user: str, process: subprocess.Popen[bytes], address: str = ADDRESS
    ) -> None:
        self.directory = directory
        self.host = address
        self.port = port
        self.user = user
        self.config = directory / "ssh_config"
        self.known_hosts = directory / "known_hosts"
        self.client_key = directory / "client_key"
        self.process = process

    @classmethod
    def start(
        cls,
        directory: Path,
        *,
        user: str | None = None,
        server_options: Sequence[str] = (),
        key_options: str = "",
        address: str = ADDRESS,
        prefix: Sequence[str] = (),
        startups: str = "200:30:400",
    ) -> Sshd:
        """Start in ``directory``, for logging in as ``user`` (the account that runs the tests).

        Keys that are already there are used. ``server_options``: lines that go before ours in
        sshd_config, where the first one counts.
        ``key_options``: what stands before the key in authorized_keys, ``restrict,command="…"``.
        ``startups``: MaxStartups, of which sshd takes the last line.
        ``address``, ``prefix``: where it listens, and words that bring it into another network namespace.
        """
        user = user or getpass.getuser()
        port = free_port()
        for name in ("host_key", "client_key"):
            if not (directory / name).exists():
                make_key(directory / name)
        public_key = (directory / "client_key.pub").read_text()
        _write(directory / "authorized_keys", f"{key_options} {public_key}".lstrip())
        _write(directory / "known_hosts", f"[{address}]:{port} {public_half(directory / 'host_key')}\n")
        _write(directory / "ssh_config", _CLIENT_CONFIG.format(user=user, directory=directory))
        settings = _SERVER_CONFIG.format(port=port, address=address, directory=directory, startups=startups)
        _write(directory / "sshd_config", "\n".join([*server_options, settings]))
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # sshd's privilege separation needs it
        with open(directory / "log", "wb") as log:
            process = subprocess.Popen(
                [*prefix, SSHD, "-D", "-e", "-f", str(directory / "sshd_config")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        server = cls(directory, port, user, process, address)
        server._wait_until_it_accepts()
        return server

    @property
    def host_key(self) -> str:
        """Type and base64 of the host's public key."""
        return public_half(self.directory / "host_key")

    @property
    def fingerprint(self) -> str:
        """Of the host's key, as ssh-keygen prints it: ``SHA256:…``."""
        return fingerprint(self.directory / "host_key")

    def log(self) -> str:
        """What the server has logged."""
        return (self.directory / "log").read_text(errors="replace")

    def connections(self) -> list[int]:
        """The processes of the server that serve a connection now (not the commands that run in them)."""
        monitors = _children(self.process.pid)
        unprivileged = [child for monitor in monitors for child in _children(monitor)]
        return [pid for pid in (*monitors, *unprivileged) if _command(pid).startswith("sshd")]

    def cut_connections(self) -> None:
        """Kill what serves the connections; clients see them end at once, commands are left running."""
        for pid in self.connections():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the server and its connections."""
        self.process.terminate()
        self.cut_connections()
        self.process.wait(timeout=_START_TIMEOUT)

    def _wait_until_it_accepts(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if f"Server listening on {self.host} port {self.port}" in self.log():
                return
            time.sleep(_POLL)
        self.process.kill()
        raise RuntimeError(f"sshd did not start: {self.log()}")


@contextlib.contextmanager
def public_directory() -> Iterator[Path]:
    """A new directory that every account may enter; pytest's own are its user's alone."""
    directory = Path(tempfile.mkdtemp(prefix="relstore-test-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        remove_store(directory)


def make_key(path: Path, *, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new key pair at ``path`` and ``path.pub``."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path)], check=True
    )
    return path


def public_half(path: Path) -> str:
    """Type and base64 of the public key that belongs to the private key at ``path``."""
    return " ".join(Path(f"{path}.pub").read_text().split()[:2])


def fingerprint(path: Path) -> str:
    """``SHA256:…`` of the key at ``path``, from ssh-keygen."""
    line = subprocess.run(
        ["ssh-keygen", "-lf", f"{path}.pub"], check=True, capture_output=True, text=True
    ).stdout
    return line.split()[1]


def free_port() -> int:
    """A port of the loopback address that nothing listens on just now."""
    with socket.socket() as sock:
        sock.bind((ADDRESS, 0))
        return int(sock.getsockname()[1])


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o644)


def _children(pid: int) -> list[int]:
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # The name of the command is in brackets and may itself hold spaces and brackets.
                fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid:
                    found.append(int(entry.name))
    return found


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
