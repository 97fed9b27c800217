"""Making a connection with ssh(1) to a real sshd: its configuration is obeyed, its failures are the usual errors."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from relstore.client.connection.account import Account
from relstore.client.connection.transport.address import Address
from relstore.client.connection.transport.base import Exit
from relstore.client.connection.transport.openssh.connect import connect
from relstore.client.ssh_program import OpenSSH
from relstore.errors import ConnectError, ConnectionLostError, HostKeyError, TargetError
from tests.support.hosts import dead
from tests.support.hosts.sshd import (
    ADDRESS,
    Sshd,
    fingerprint,
    free_port,
    make_key,
    public_directory,
    public_half,
)

pytestmark = pytest.mark.sshd

COMMAND = "echo in as $(id -un)"


@dataclass
class Person:
    """Somebody with a home directory and an ssh_config, who tries to log in."""

    home: Path
    program: str = "ssh"
    notices: list[str] = field(default_factory=list)

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh/known_hosts"

    @property
    def key(self) -> Path:
        return self.home / ".ssh/id_ed25519"

    def configure(self, text: str) -> None:
        path = self.home / ".ssh/config"
        path.write_text(text)
        path.chmod(0o600)

    def account(self, timeout: float = 20) -> Account:
        return Account(str(self.home), "nobody-here", None, (str(self.home / ".ssh/config"),), timeout, None)

    def log_in(self, target: Address, *, timeout: float = 20) -> bytes:
        async def main() -> bytes:
            how = OpenSSH(self.program, prompts=False)
            transport = await connect(target, self.account(timeout), how, self.notices.append, COMMAND)
            try:
                channel = await transport.open(COMMAND)
                said = await channel.read(1000)
                assert await channel.close() == Exit(0)
                return said
            finally:
                await transport.close()

        return asyncio.run(main())

    def fails(self, target: Address, kind: type[ConnectError] = ConnectError, *, timeout: float = 20) -> str:
        """All that the error says when the login is refused with ``kind``."""
        with pytest.raises(ConnectError) as caught:
            self.log_in(target, timeout=timeout)
        said = f"{caught.value.host}: {caught.value.what}\n{caught.value.state}\n{caught.value.hint}"
        assert type(caught.value) is kind, said
        assert caught.value.hint
        return said


@pytest.fixture
def person(tmp_path: Path) -> Person:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    return Person(tmp_path)


@pytest.fixture
def stranger(person: Person, sshd: Sshd) -> Person:
    """Has a key that the host takes, and has never seen the host."""
    person.key.write_bytes(sshd.client_key.read_bytes())
    person.key.chmod(0o600)
    return person


@pytest.fixture
def friend(stranger: Person, sshd: Sshd) -> Person:
    """Has a key that the host takes, and knows the host."""
    stranger.known_hosts.write_text(f"[{sshd.host}]:{sshd.port} {sshd.host_key}\n")
    stranger.configure("")
    return stranger


@pytest.fixture
def address(sshd: Sshd) -> Address:
    return Address(sshd.host, sshd.user, sshd.port)


def in_as(server: Sshd) -> bytes:
    return f"in as {server.user}\n".encode()


# --- ssh_config is obeyed ------------------------------------------------------------------------


def test_keys_and_known_hosts_in_home(friend: Person, address: Address, sshd: Sshd) -> None:
    assert friend.log_in(address) == in_as(sshd)
    assert friend.notices == []


def test_what_is_written_in_the_target_comes_first(friend: Person, address: Address, sshd: Sshd) -> None:
    friend.configure("Host *\n User somebody\n Port 1\n")
    assert friend.log_in(address) == in_as(sshd)


def test_what_would_keep_a_command_from_running(friend: Person, address: Address, sshd: Sshd) -> None:
    """What a person has set for logging in by hand does no harm."""
    friend.configure(
        "Host *\n RequestTTY force\n RemoteCommand tmux attach\n PermitLocalCommand yes\n"
        f" LocalCommand touch {friend.home}/touched\n LocalForward 1 localhost:1\n ForwardAgent yes\n LogLevel QUIET\n"
    )
    assert friend.log_in(address) == in_as(sshd)
    assert not (friend.home / "touched").exists()


def test_match_exec_and_canonical_names(friend: Person, address: Address, sshd: Sshd) -> None:
    friend.configure(
        f'Match originalhost web exec "touch {friend.home}/asked"\n HostName {sshd.host}\n Port {sshd.port}\n'
        f" User {sshd.user}\n"
    )
    assert friend.log_in(Address("web")) == in_as(sshd)
    assert (friend.home / "asked").exists()


def test_a_known_hosts_command(stranger: Person, address: Address, sshd: Sshd) -> None:
    stranger.configure(f"Host *\n KnownHostsCommand /bin/echo [{sshd.host}]:{sshd.port} {sshd.host_key}\n")
    assert stranger.log_in(address) == in_as(sshd)


def test_a_control_master_is_used_and_left_alone(friend: Person, address: Address, sshd: Sshd) -> None:
    control = friend.home / "control"
    friend.configure(f"Host *\n ControlMaster auto\n ControlPath {control}\n ControlPersist 60\n")
    assert friend.log_in(address) == in_as(sshd)
    before = sshd.log().count("Accepted publickey")
    try:
        assert friend.log_in(address) == in_as(sshd)
        assert sshd.log().count("Accepted publickey") == before
    finally:
        words = ["ssh", "-F", "none", "-O", "exit", "-o", f"ControlPath={control}", sshd.host]
        assert subprocess.run(words, capture_output=True).returncode == 0


def test_a_jump_host(friend: Person, sshd: Sshd) -> None:
    friend.configure(
        f"Host behind bastion\n HostName {sshd.host}\n Port {sshd.port}\n User {sshd.user}\n"
        f" IdentityFile {friend.key}\n UserKnownHostsFile {friend.known_hosts}\nHost behind\n ProxyJump bastion\n"
    )
    assert friend.log_in(Address("behind")) == in_as(sshd)


def test_a_proxy_command_is_gone_after_the_connection(friend: Person, sshd: Sshd) -> None:
    pid_file = friend.home / "pid"
    carry = "import os,socket,sys,threading;s=socket.create_connection((sys.argv[1],int(sys.argv[2])))\n"
    carry += "def up():\n while d:=os.read(0,65536): s.sendall(d)\n os._exit(0)\n"
    carry += "threading.Thread(target=up,daemon=True).start()\nwhile d:=s.recv(65536): os.write(1,d)\n"
    (friend.home / "carry.py").write_text(carry)
    friend.configure(
        f"Host behind\n HostName {sshd.host}\n"
        f" ProxyCommand sh -c 'echo $$ > {pid_file}; exec {sys.executable} {friend.home}/carry.py %h %p'\n"
    )
    assert friend.log_in(Address("behind", sshd.user, sshd.port)) == in_as(sshd)
    # ssh does not wait for it, so it may take a moment longer.
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid_file.read_text().strip()}").exists():
        assert time.monotonic() < deadline, "the proxy goes on"
        time.sleep(0.02)


# --- whom we trust -------------------------------------------------------------------------------


@pytest.mark.parametrize("checking", ["ask", "yes"])
def test_an_unknown_key(stranger: Person, address: Address, sshd: Sshd, checking: str) -> None:
    stranger.configure(f"Host *\n StrictHostKeyChecking {checking}\n")
    said = stranger.fails(address, HostKeyError)
    name = f"{sshd.user}@{sshd.host}:{sshd.port}"
    assert f"{name}: the host's key is not known: ED25519 {sshd.fingerprint}" in said
    assert f"ssh -p {sshd.port} {sshd.user}@{sshd.host}" in said
    assert "ssh_host_ed25519_key.pub" in said
    assert not stranger.known_hosts.exists()


@pytest.mark.parametrize("checking", ["ask", "accept-new", "no"])
def test_a_changed_key(stranger: Person, address: Address, sshd: Sshd, checking: str) -> None:
    other = make_key(stranger.home / "other")
    stranger.configure(f"Host *\n StrictHostKeyChecking {checking}\n")
    stranger.known_hosts.write_text(f"# a comment\n[{sshd.host}]:{sshd.port} {public_half(other)}\n")
    said = stranger.fails(address, HostKeyError)
    assert f"CHANGED: it is ED25519 {sshd.fingerprint}" in said
    assert f"{stranger.known_hosts}:2 has ED25519 {fingerprint(other)}" in said
    assert f"ssh-keygen -f {stranger.known_hosts} -R '[{sshd.host}]:{sshd.port}'" in said


def test_a_new_key_is_accepted_when_told_so(stranger: Person, address: Address, sshd: Sshd) -> None:
    stranger.configure("Host *\n StrictHostKeyChecking accept-new\n")
    assert stranger.log_in(address) == in_as(sshd)
    assert stranger.log_in(address) == in_as(sshd)
    assert len(stranger.notices) == 1
    assert f"new host key ED25519 {sshd.fingerprint} accepted" in stranger.notices[0]


def test_a_revoked_key(friend: Person, address: Address, sshd: Sshd) -> None:
    with friend.known_hosts.open("a") as file:
        file.write(f"@revoked [{sshd.host}]:{sshd.port} {sshd.host_key}\n")
    assert "revoked in" in friend.fails(address, HostKeyError)


def test_a_jump_host_whose_key_is_unknown(stranger: Person, sshd: Sshd) -> None:
    stranger.configure(
        f"Host behind\n HostName 192.0.2.1\n ProxyJump bastion\nHost bastion\n HostName {sshd.host}\n"
        f" User {sshd.user}\n Port {sshd.port}\n StrictHostKeyChecking yes\n"
    )
    assert "jump host is not accepted" in stranger.fails(Address("behind"), HostKeyError)


# --- who we are ----------------------------------------------------------------------------------


def test_a_key_that_the_host_does_not_take(friend: Person, address: Address, sshd: Sshd) -> None:
    friend.key.unlink()
    make_key(friend.key)
    friend.configure(f"Host *\n IdentitiesOnly yes\n IdentityFile {friend.key}\n")
    said = friend.fails(address)
    assert f"{sshd.user}@{sshd.host}:{sshd.port}: the host does not let us in as {sshd.user}" in said
    assert f"ED25519 {fingerprint(friend.key)} ({friend.key})" in said
    assert "The host accepts: publickey." in said
    assert "authorized_keys" in said


def test_no_key_at_all(friend: Person, address: Address) -> None:
    friend.key.unlink()
    said = friend.fails(address)
    assert "Keys offered: none." in said
    assert "ssh-keygen -t ed25519" in said


def test_a_locked_key(friend: Person, address: Address) -> None:
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", friend.key], check=True)
    said = friend.fails(address)
    assert f"Locked by a passphrase and not in the agent: {friend.key}." in said
    assert f"ssh-add {friend.key}" in said


def test_a_key_that_others_can_read(friend: Person, address: Address) -> None:
    friend.key.chmod(0o644)
    assert f"Could not be used: {friend.key}: bad permissions" in friend.fails(address)


# --- what goes wrong -----------------------------------------------------------------------------


def test_nobody_listens(friend: Person) -> None:
    port = free_port()
    said = friend.fails(Address(ADDRESS, "deploy", port))
    assert f"deploy@{ADDRESS}:{port}: {ADDRESS}:{port} refuses the connection" in said


def test_a_name_that_does_not_exist(friend: Person) -> None:
    said = friend.fails(Address("nosuch.invalid"))
    assert "nosuch.invalid cannot be reached: the name cannot be resolved" in said


def test_a_black_hole(friend: Person) -> None:
    with dead.silent() as port:
        said = friend.fails(Address(ADDRESS, None, port), timeout=2)
    assert f"{ADDRESS}:{port} accepted the connection, but did not answer as an SSH server within 2 s" in said


def test_a_host_that_does_not_answer_at_all(friend: Person) -> None:
    with dead.full() as port:
        said = friend.fails(Address(ADDRESS, None, port), timeout=2)
    assert f"{ADDRESS}:{port} did not answer within 2 s" in said


@contextlib.contextmanager
def greeter(greetings: list[bytes]) -> Iterator[int]:
    """A server that greets one connection after another so, the last ones with the last, and hangs up."""
    with socket.create_server((ADDRESS, 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection = server.accept()[0]
                    with connection, contextlib.suppress(OSError):
                        connection.sendall(greetings.pop(0) if len(greetings) > 1 else greetings[0])

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"SSH-1.0-old\r\n"])
def test_something_else_than_an_ssh_server(friend: Person, greeting: bytes) -> None:
    with greeter([greeting]) as port:
        said = friend.fails(Address(ADDRESS, None, port), timeout=3)
    assert "hung up before the login" in said


def test_who_is_turned_away_tries_again(friend: Person, sshd: Sshd) -> None:
    """As sshd does with more logins at once than MaxStartups allows."""
    text = (
        sshd.directory.joinpath("sshd_config")
        .read_text()
        .replace("MaxStartups 200:30:400", "MaxStartups 1:100:1")
    )
    with public_directory() as directory:
        port = free_port()
        config = directory / "sshd_config"
        config.write_text(text.replace(f"Port {sshd.port}", f"Port {port}"))
        process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", config], stderr=subprocess.DEVNULL)
        try:
            first = None
            while first is None:
                with contextlib.suppress(ConnectionRefusedError):
                    first = socket.create_connection((ADDRESS, port))
            assert first.recv(4) == b"SSH-"
            threading.Timer(1.0, first.close).start()
            friend.known_hosts.write_text(f"[{ADDRESS}]:{port} {sshd.host_key}\n")
            assert friend.log_in(Address(ADDRESS, sshd.user, port)) == in_as(sshd)
        finally:
            process.terminate()
            process.wait()


@pytest.mark.parametrize("line", ["Port twenty-two", "NoSuchOption yes"])
def test_a_configuration_that_cannot_be_used(person: Person, line: str) -> None:
    person.configure(f"Host *\n {line}\n")
    said = person.fails(Address("web"))
    assert "its SSH configuration cannot be used: " in said
    assert str(person.home) in said or "line 2" in said
    assert "ssh -G web" in said


@pytest.mark.parametrize(
    ("command", "said"),
    [("echo no tunnel today >&2; exit 1", "no tunnel today"), ("true", "the ProxyCommand ended")],
)
def test_a_proxy_command_that_fails(person: Person, command: str, said: str) -> None:
    person.configure(f"Host behind\n ProxyCommand sh -c '{command}'\n")
    assert said in person.fails(Address("behind"))


def test_a_jump_host_that_cannot_go_further(friend: Person, sshd: Sshd) -> None:
    friend.configure(
        f"Host behind\n HostName {sshd.host}\n Port {free_port()}\n ProxyJump bastion\n"
        f"Host bastion\n HostName {sshd.host}\n User {sshd.user}\n Port {sshd.port}\n"
        f"Host *\n IdentityFile {friend.key}\n UserKnownHostsFile {friend.known_hosts}\n"
    )
    assert "the jump host: connect failed: Connection refused" in friend.fails(Address("behind"))


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a;b", "a b", "$(id)", ""])
def test_a_name_that_no_shell_should_see(person: Person, host: str) -> None:
    with pytest.raises(TargetError):
        person.log_in(Address(host))
    with pytest.raises(TargetError):
        person.log_in(Address("web", user=host))


def test_a_host_that_allows_no_command(person: Person, sshd_account: str | None) -> None:
    with public_directory() as directory:
        server = Sshd.start(directory, user=sshd_account, server_options=["MaxSessions 0"])
        try:
            person.configure(server.config.read_text())
            assert "refuses to run a command" in person.fails(Address(server.host, port=server.port))
        finally:
            server.stop()


def test_ssh_is_not_installed(person: Person) -> None:
    person.program = "/no/such/ssh"
    said = person.fails(Address("web"))
    assert "ssh cannot be started: No such file or directory" in said
    assert "--ssh asyncssh" in said


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("kill -KILL $$", "ssh was ended by signal 9"),
        ("echo what is this >&2; exit 3", "what is this"),
        ("exit 3", "exit code 3"),
    ],
)
def test_a_program_that_is_not_quite_ssh(person: Person, script: str, said: str) -> None:
    program = person.home / "ssh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    person.program = str(program)
    assert said in person.fails(Address("web"))


def test_a_program_that_says_nothing_is_ended(person: Person) -> None:
    program = person.home / "ssh"
    program.write_text(f"#!/bin/sh\necho $$ > {person.home}/pid\ntrap '' TERM\nsleep 600\n")
    program.chmod(0o755)
    person.program = str(program)
    assert "web did not answer within 1 s" in person.fails(Address("web"), timeout=1)
    assert not Path(f"/proc/{(person.home / 'pid').read_text().strip()}").exists()


def test_a_log_in_other_words(person: Person) -> None:
    """That the login worked is enough; when the command was started need not be understood."""
    program = person.home / "ssh"
    program.write_text(
        '#!/bin/sh\nwhile [ "$1" != -E ]; do shift; done\n'
        "echo 'Authenticated to web ([192.0.2.1]:22).' >> \"$2\"\necho 'Command is running.' >> \"$2\"\n"
        "echo in as $(id -un)\nexec cat\n"
    )
    program.chmod(0o755)
    person.program = str(program)

    async def main() -> None:
        how = OpenSSH(person.program, prompts=False)
        transport = await connect(Address("web"), person.account(), how, print, "cat")
        channel = await transport.open("cat")
        assert (await channel.read(100)).startswith(b"in as")
        await transport.close()

    asyncio.run(main())


# --- once it is there ----------------------------------------------------------------------------


def test_what_the_host_says_is_not_what_ssh_says(friend: Person, address: Address) -> None:
    """A command that writes what ssh would write is a command that has ended, not a login that failed."""
    lie = "echo 'Host key verification failed.' >&2; echo 'Permission denied (publickey).' >&2; exit 255"

    async def main() -> None:
        transport = await connect(address, friend.account(), OpenSSH("ssh", prompts=False), print, lie)
        channel = await transport.open(lie)
        assert await channel.read(10) == b""
        assert await channel.close() == Exit(255)
        assert channel.stderr() == b"Host key verification failed.\nPermission denied (publickey).\n"
        await transport.close()

    asyncio.run(main())


def test_ssh_is_killed_while_the_command_runs(friend: Person, address: Address) -> None:
    async def main() -> None:
        how = OpenSSH("ssh", prompts=False)
        transport = await connect(address, friend.account(), how, print, "echo here; cat")
        channel = await transport.open("echo here; cat")
        assert await channel.read(10) == b"here\n"
        channel._ssh.signal(signal.SIGKILL)
        with pytest.raises(ConnectionLostError, match="ended by signal 9"):
            await channel.read(10)
        await transport.close()

    asyncio.run(main())


def test_nothing_is_left_behind(friend: Person, address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = friend.home / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    descriptors = len(os.listdir("/proc/self/fd"))
    friend.log_in(address)
    friend.fails(Address(ADDRESS, None, free_port()))
    assert list(temporary.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 1


def test_closing_while_it_logs_in(friend: Person) -> None:
    async def main() -> None:
        with socket.create_server((ADDRESS, 0)) as silent:
            target = Address(ADDRESS, None, silent.getsockname()[1])
            how = OpenSSH("ssh", prompts=False)
            transport = await connect(target, friend.account(600), how, print, "true")
            opening = asyncio.ensure_future(transport.open("true"))
            await asyncio.sleep(0.2)
            opening.cancel()
            start = time.monotonic()
            await transport.close()
            assert time.monotonic() - start < 10

    asyncio.run(main())
