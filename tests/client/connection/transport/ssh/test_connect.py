"""Making a connection to a real sshd: how it is reached, whom we trust, and what goes wrong."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from relstore.client.connection.account import Account
from relstore.client.connection.transport.address import Address
from relstore.client.connection.transport.base import Exit
from relstore.client.connection.transport.ssh.connect import connect
from relstore.errors import ConnectError, HostKeyError, TargetError
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


@dataclass
class Person:
    """Somebody with a home directory and an ssh_config, who tries to log in."""

    home: Path
    agent_path: str | None = None
    notices: list[str] = field(default_factory=list)

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh/known_hosts"

    def configure(self, text: str) -> None:
        (self.home / ".ssh/config").write_text(text)

    def knows(self, *lines: str) -> None:
        self.known_hosts.write_text("".join(f"{line}\n" for line in lines))

    def log_in(self, target: Address, *, timeout: float = 10) -> bytes:
        """What ``echo`` says over a fresh connection."""

        async def main() -> bytes:
            configs = (str(self.home / ".ssh/config"), str(self.home / "missing"))
            account = Account(str(self.home), "nobody-here", self.agent_path, configs, timeout, None)
            transport = await connect(target, account, self.notices.append)
            try:
                channel = await transport.open("echo in as $(id -un)")
                said = await channel.read(1000)
                assert await channel.close() == Exit(0)
                return said
            finally:
                await transport.close()

        return asyncio.run(main())

    def fails(self, target: Address, kind: type[ConnectError] = ConnectError, *, timeout: float = 10) -> str:
        """All that the error says when the login is refused with ``kind``."""
        with pytest.raises(ConnectError) as caught:
            self.log_in(target, timeout=timeout)
        assert type(caught.value) is kind
        assert caught.value.hint
        return f"{caught.value.host}: {caught.value.what}\n{caught.value.state}\n{caught.value.hint}"


@pytest.fixture
def person(tmp_path: Path) -> Person:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    return Person(tmp_path)


@pytest.fixture
def stranger(person: Person, sshd: Sshd) -> Person:
    """Has a key that the host takes, and has never seen the host."""
    shutil.copy(sshd.client_key, person.home / ".ssh/id_ed25519")
    return person


@pytest.fixture
def friend(stranger: Person, sshd: Sshd) -> Person:
    """Has a key that the host takes, and knows the host."""
    stranger.knows(f"[{sshd.host}]:{sshd.port} {sshd.host_key}")
    return stranger


@pytest.fixture
def address(sshd: Sshd) -> Address:
    return Address(sshd.host, sshd.user, sshd.port)


def in_as(server: Sshd) -> bytes:
    return f"in as {server.user}\n".encode()


# --- how the host is reached ---------------------------------------------------------------------


def test_without_any_configuration(friend: Person, address: Address, sshd: Sshd) -> None:
    assert friend.log_in(address) == in_as(sshd)
    assert friend.notices == []


def test_an_alias_with_everything_in_the_configuration(person: Person, sshd: Sshd) -> None:
    person.configure(f"""
        Host web
            HostName {sshd.host}
            Port {sshd.port}
            User {sshd.user}
            IdentityFile {sshd.client_key}
            UserKnownHostsFile ~/none {sshd.known_hosts}
            StrictHostKeyChecking yes
    """)
    assert person.log_in(Address("web")) == in_as(sshd)


def test_what_is_written_in_the_target_comes_first(friend: Person, address: Address, sshd: Sshd) -> None:
    friend.configure("Host *\n User somebody\n Port 1\n")
    assert friend.log_in(address) == in_as(sshd)


def test_a_host_key_alias(stranger: Person, address: Address, sshd: Sshd) -> None:
    stranger.knows(f"the-web-server {sshd.host_key}")
    assert "not known" in stranger.fails(address, HostKeyError)
    stranger.configure("Host *\n HostKeyAlias the-web-server\n")
    assert stranger.log_in(address) == in_as(sshd)


def test_a_jump_host(person: Person, sshd: Sshd) -> None:
    person.configure(f"""
        Host behind bastion
            HostName {sshd.host}
            Port {sshd.port}
            User {sshd.user}
            IdentityFile {sshd.client_key}
            UserKnownHostsFile {sshd.known_hosts}
        Host behind
            ProxyJump bastion
    """)
    assert person.log_in(Address("behind")) == in_as(sshd)


def test_two_jump_hosts(friend: Person, sshd: Sshd) -> None:
    there = f"{sshd.user}@{sshd.host}:{sshd.port}"
    friend.configure(
        f"Host behind\n HostName {sshd.host}\n ProxyJump {there},middle\n"
        f"Host middle\n HostName {sshd.host}\n Port {sshd.port}\n User {sshd.user}\n"
    )
    assert friend.log_in(Address("behind", sshd.user, sshd.port)) == in_as(sshd)


def test_a_jump_host_whose_key_is_unknown(stranger: Person, sshd: Sshd) -> None:
    stranger.configure(f"Host behind\n ProxyJump {sshd.user}@{sshd.host}:{sshd.port}\n")
    said = stranger.fails(Address("behind"), HostKeyError)
    assert f"{sshd.user}@{sshd.host}:{sshd.port}: the host's key is not known" in said


def test_a_jump_host_that_cannot_go_further(friend: Person, sshd: Sshd) -> None:
    friend.configure(
        f"Host behind\n HostName {sshd.host}\n Port {free_port()}\n"
        f" ProxyJump {sshd.user}@{sshd.host}:{sshd.port}\n"
    )
    said = friend.fails(Address("behind"))
    assert f"behind: {sshd.host}:" in said
    assert f"cannot be reached from {sshd.user}@{sshd.host}:{sshd.port}, the jump host" in said


def test_jumps_in_a_circle(person: Person) -> None:
    person.configure("Host web\n ProxyJump bastion\nHost bastion\n ProxyJump web\n")
    assert "web: it is to be reached by way of itself" in person.fails(Address("web"))


# What nc does, with a greeting on standard error that must not get into the connection.
NETCAT = """
import os, select, socket, sys
print("hello from the proxy", file=sys.stderr, flush=True)
there = socket.create_connection((sys.argv[1], int(sys.argv[2])))
while True:
    for source in select.select([0, there], [], [])[0]:
        data = os.read(0, 65536) if source == 0 else there.recv(65536)
        if not data:
            sys.exit()
        there.sendall(data) if source == 0 else os.write(1, data)
"""


@pytest.fixture
def netcat(person: Person) -> str:
    """A ProxyCommand that carries the connection to where it should go."""
    program = person.home / "netcat.py"
    program.write_text(NETCAT)
    return f"{sys.executable} {program} %h %p"


def test_a_proxy_command(friend: Person, netcat: str, sshd: Sshd) -> None:
    friend.configure(f"Host behind\n HostName {sshd.host}\n ProxyCommand {netcat}\n")
    assert friend.log_in(Address("behind", sshd.user, sshd.port)) == in_as(sshd)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo no tunnel today >&2; exit 1", "no tunnel today"),
        ("/no/such/program", "not found"),
        ("true", "the ProxyCommand ended"),
    ],
)
def test_a_proxy_command_that_fails(person: Person, command: str, said: str) -> None:
    person.configure(f"Host behind\n ProxyCommand sh -c '{command}'\n")
    assert said in person.fails(Address("behind"))


def test_a_proxy_command_is_gone_after_the_connection(friend: Person, netcat: str, sshd: Sshd) -> None:
    pid_file = friend.home / "pid"
    friend.configure(
        f"Host behind\n HostName {sshd.host}\n"
        f" ProxyCommand sh -c 'echo $$ > {pid_file}; exec \"$@\"' -- {netcat}\n"
    )
    friend.log_in(Address("behind", sshd.user, sshd.port))
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


# --- whom we trust -------------------------------------------------------------------------------


@pytest.mark.parametrize("checking", ["", "StrictHostKeyChecking ask", "StrictHostKeyChecking yes"])
def test_an_unknown_key(stranger: Person, address: Address, sshd: Sshd, checking: str) -> None:
    stranger.configure(f"Host *\n {checking}\n")
    said = stranger.fails(address, HostKeyError)
    assert (
        f"{sshd.user}@{sshd.host}:{sshd.port}: the host's key is not known: ED25519 {sshd.fingerprint}"
        in said
    )
    assert f"ssh -p {sshd.port} {sshd.user}@{sshd.host}" in said
    assert str(stranger.known_hosts) in said
    assert not stranger.known_hosts.exists()


@pytest.mark.parametrize("checking", ["ask", "accept-new", "no"])
def test_a_changed_key(stranger: Person, address: Address, sshd: Sshd, checking: str) -> None:
    other = make_key(stranger.home / "other")
    stranger.configure(f"Host *\n StrictHostKeyChecking {checking}\n")
    stranger.knows("# a comment", f"[{sshd.host}]:{sshd.port} {public_half(other)}")
    said = stranger.fails(address, HostKeyError)
    assert f"CHANGED: it is ED25519 {sshd.fingerprint}" in said
    assert f"{stranger.known_hosts}:2 has ED25519 {fingerprint(other)}" in said
    assert f"ssh-keygen -f {stranger.known_hosts} -R '[{sshd.host}]:{sshd.port}'" in said
    assert len(stranger.known_hosts.read_text().splitlines()) == 2


def test_a_key_of_another_kind_than_the_known_one(stranger: Person, address: Address, sshd: Sshd) -> None:
    other = make_key(stranger.home / "other", kind="ecdsa")
    stranger.configure("Host *\n StrictHostKeyChecking accept-new\n")
    stranger.knows(f"[{sshd.host}]:{sshd.port} {public_half(other)}")
    said = stranger.fails(address, HostKeyError)
    assert f"it is ED25519 {sshd.fingerprint}, but {stranger.known_hosts}:1 has ECDSA" in said


def test_of_several_keys_the_host_is_asked_for_the_known_one(
    person: Person, sshd_account: str | None
) -> None:
    with public_directory() as directory:
        rsa = make_key(directory / "host_rsa", kind="rsa")
        server = Sshd.start(directory, user=sshd_account, server_options=[f"HostKey {rsa}"])
        try:
            person.configure(f"Host *\n IdentityFile {server.client_key}\n")
            person.knows(f"[{server.host}]:{server.port} {public_half(rsa)}")
            assert person.log_in(Address(server.host, server.user, server.port)) == in_as(server)
        finally:
            server.stop()


@pytest.mark.parametrize("checking", ["accept-new", "no", "off"])
def test_a_new_key_is_accepted_when_told_so(
    stranger: Person, address: Address, sshd: Sshd, checking: str
) -> None:
    stranger.configure(f"Host *\n StrictHostKeyChecking {checking}\n")
    assert stranger.log_in(address) == in_as(sshd)
    assert stranger.log_in(address) == in_as(sshd)
    assert stranger.known_hosts.read_text() == f"[{sshd.host}]:{sshd.port} {sshd.host_key}\n"
    assert stranger.known_hosts.stat().st_mode & 0o777 == 0o600
    assert len(stranger.notices) == 1
    assert f"new host key ED25519 {sshd.fingerprint} accepted" in stranger.notices[0]


def test_a_new_key_is_added_in_hashed_form(stranger: Person, address: Address, sshd: Sshd) -> None:
    stranger.configure("Host *\n StrictHostKeyChecking accept-new\n HashKnownHosts yes\n")
    stranger.known_hosts.write_text(f"other.example {sshd.host_key}")  # without a newline at its end
    stranger.log_in(address)
    stranger.configure("Host *\n StrictHostKeyChecking yes\n")
    assert stranger.log_in(address) == in_as(sshd)
    assert stranger.known_hosts.read_text().splitlines()[1].startswith("|1|")
    found = subprocess.run(
        ["ssh-keygen", "-F", f"[{sshd.host}]:{sshd.port}", "-f", stranger.known_hosts], capture_output=True
    )
    assert sshd.host_key.encode() in found.stdout


def test_a_new_key_that_cannot_be_written_down(stranger: Person, address: Address, sshd: Sshd) -> None:
    stranger.configure("Host *\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null/known_hosts\n")
    assert stranger.log_in(address) == in_as(sshd)
    assert "could not be added to /dev/null/known_hosts (Not a directory)" in stranger.notices[0]


def test_no_file_at_all_is_not_no_check(stranger: Person, address: Address) -> None:
    stranger.configure("Host *\n UserKnownHostsFile none\n")
    assert "not known" in stranger.fails(address, HostKeyError)


def test_a_revoked_key(friend: Person, address: Address, sshd: Sshd) -> None:
    name = f"[{sshd.host}]:{sshd.port}"
    friend.knows(f"{name} {sshd.host_key}", f"@revoked {name} {sshd.host_key}")
    friend.configure("Host *\n StrictHostKeyChecking no\n")
    assert f"revoked in {friend.known_hosts}:2" in friend.fails(address, HostKeyError)


@pytest.fixture(scope="module")
def certified(need_sshd: None, sshd_account: str | None) -> Iterator[Sshd]:
    """A server that has a certificate for its key, signed by the key ``authority`` in its directory."""
    with public_directory() as directory:
        make_key(directory / "host_key")
        authority = make_key(directory / "authority")
        subprocess.run(
            [
                "ssh-keygen",
                "-q",
                "-s",
                authority,
                "-h",
                "-I",
                "test",
                "-n",
                ADDRESS,
                directory / "host_key.pub",
            ],
            check=True,
        )
        certificate = f"HostCertificate {directory}/host_key-cert.pub"
        server = Sshd.start(directory, user=sshd_account, server_options=[certificate])
        try:
            yield server
        finally:
            server.stop()


def test_a_host_certificate(person: Person, certified: Sshd) -> None:
    address = Address(certified.host, certified.user, certified.port)
    person.configure(f"Host *\n IdentityFile {certified.client_key}\n StrictHostKeyChecking yes\n")
    person.knows(f"@cert-authority 127.0.0.* {public_half(certified.directory / 'authority')}")
    assert person.log_in(address) == in_as(certified)

    person.knows(f"[{certified.host}]:{certified.port} {certified.host_key}")
    assert person.log_in(address) == in_as(certified)


def test_a_host_certificate_of_somebody_else(person: Person, certified: Sshd) -> None:
    address = Address(certified.host, certified.user, certified.port)
    person.configure(f"Host *\n IdentityFile {certified.client_key}\n StrictHostKeyChecking no\n")
    person.knows(f"@cert-authority * {public_half(make_key(person.home / 'other'))}")
    said = person.fails(address, HostKeyError)
    assert f"unknown authority: ED25519 {fingerprint(certified.directory / 'authority')}" in said


# --- who we are ----------------------------------------------------------------------------------


def test_a_key_that_the_host_does_not_take(friend: Person, address: Address, sshd: Sshd) -> None:
    key = friend.home / ".ssh/id_ed25519"
    key.unlink()
    make_key(key)
    said = friend.fails(address)
    assert f"{sshd.user}@{sshd.host}:{sshd.port}: the host does not let us in as {sshd.user}" in said
    assert f"Keys offered: ED25519 {fingerprint(key)} ({key})." in said
    assert "The host accepts: publickey." in said
    assert "authorized_keys" in said


def test_no_key_at_all(friend: Person, address: Address) -> None:
    (friend.home / ".ssh/id_ed25519").unlink()
    said = friend.fails(address)
    assert "Keys offered: none." in said
    assert "ssh-keygen -t ed25519" in said


def test_a_locked_key(friend: Person, address: Address) -> None:
    key = friend.home / ".ssh/id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", key], check=True)
    said = friend.fails(address)
    assert f"Locked by a passphrase and not in the agent: {key}." in said
    assert f"ssh-add {key}" in said


@pytest.mark.parametrize("content", ["rubbish", ""])
def test_a_key_file_that_is_none(friend: Person, address: Address, content: str) -> None:
    key = friend.home / ".ssh/id_ed25519"
    key.write_text(content)
    assert f"Could not be used: {key}" in friend.fails(address)


@pytest.fixture
def agent(friend: Person) -> Iterator[Person]:
    """A friend whose key is in an agent, among seven others."""
    path = friend.home / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    while not path.exists():
        time.sleep(0.01)
    friend.agent_path = str(path)
    keys = [make_key(friend.home / f"key{number}") for number in range(7)]
    for key in (*keys, friend.home / ".ssh/id_ed25519"):
        subprocess.run(
            ["ssh-add", "-q", key], check=True, env={"SSH_AUTH_SOCK": str(path)}, capture_output=True
        )
    yield friend
    process.send_signal(signal.SIGTERM)
    process.wait()


def test_the_agent_has_too_many_keys(agent: Person, address: Address) -> None:
    (agent.home / ".ssh/id_ed25519").unlink()
    said = agent.fails(address)
    assert re.search(r"hung up after [567] keys", said)
    assert "IdentitiesOnly" in said


def test_of_the_agents_keys_the_configured_one_comes_first(
    agent: Person, address: Address, sshd: Sshd
) -> None:
    private = agent.home / ".ssh/id_ed25519"
    private.unlink()
    shutil.copy(f"{sshd.client_key}.pub", agent.home / ".ssh/id_ed25519.pub")
    assert agent.log_in(address) == in_as(sshd)


def test_only_the_configured_identity_of_an_agent(agent: Person, address: Address) -> None:
    (agent.home / ".ssh/id_ed25519").unlink()
    agent.configure("Host *\n IdentitiesOnly yes\n IdentityFile ~/key3\n")
    assert f"Keys offered: ED25519 {fingerprint(agent.home / 'key3')} (agent)." in agent.fails(address)


def test_an_agent_that_is_gone(friend: Person, address: Address, sshd: Sshd) -> None:
    friend.agent_path = str(friend.home / "gone")
    assert friend.log_in(address) == in_as(sshd)
    (friend.home / ".ssh/id_ed25519").unlink()
    assert f"the agent at {friend.agent_path}" in friend.fails(address)


def test_a_certificate_of_ours(person: Person, sshd_account: str | None) -> None:
    with public_directory() as directory:
        authority = make_key(directory / "authority")
        options = [f"TrustedUserCAKeys {authority}.pub"]
        server = Sshd.start(directory, user=sshd_account, server_options=options)
        try:
            key = make_key(person.home / ".ssh/id_ed25519")
            sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "test", "-n", server.user, f"{key}.pub"]
            subprocess.run(sign, check=True)
            person.configure(f"Host *\n UserKnownHostsFile {server.known_hosts}\n")
            assert person.log_in(Address(server.host, server.user, server.port)) == in_as(server)
        finally:
            server.stop()


# --- what goes wrong -----------------------------------------------------------------------------


def test_nobody_listens(friend: Person) -> None:
    port = free_port()
    said = friend.fails(Address(ADDRESS, "deploy", port))
    assert f"deploy@{ADDRESS}:{port}: {ADDRESS}:{port} refuses the connection" in said


def test_a_name_that_does_not_exist(friend: Person) -> None:
    assert "nosuch.invalid:22 cannot be reached: the name cannot be resolved" in friend.fails(
        Address("nosuch.invalid")
    )


def test_a_black_hole(friend: Person) -> None:
    with dead.silent() as port:
        said = friend.fails(Address(ADDRESS, None, port), timeout=2)
    assert f"{ADDRESS}:{port} accepted the connection, but did not answer as an SSH server within 2 s" in said


def test_a_host_that_does_not_answer_at_all(friend: Person) -> None:
    with dead.full() as port:
        said = friend.fails(Address(ADDRESS, None, port), timeout=2)
    assert f"{ADDRESS}:{port} did not answer within 2 s" in said


@pytest.mark.parametrize(
    "greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"SSH-1.0-old\r\n", b"x" * 40_000]
)
def test_something_else_than_an_ssh_server(friend: Person, greeting: bytes) -> None:
    with socket.create_server((ADDRESS, 0)) as server:
        port = server.getsockname()[1]
        script = (
            "import socket, sys\ns = socket.socket(fileno=0)\n"
            "while True:\n    c = s.accept()[0]; c.sendall(bytes.fromhex(sys.argv[1])); c.close()"
        )
        process = subprocess.Popen([sys.executable, "-c", script, greeting.hex()], stdin=server.fileno())
        said = friend.fails(Address(ADDRESS, None, port))
        process.kill()
        process.wait()
    assert "hung up before the login" in said


@pytest.mark.parametrize(
    "line",
    [
        "StrictHostKeyChecking perhaps",
        "Port twenty-two",
        "ProxyJump a b",
        "ProxyJump a:b:c",
        "HostName 'open",
    ],
)
def test_a_configuration_that_cannot_be_used(person: Person, line: str) -> None:
    person.configure(f"Host *\n {line}\n")
    person.fails(Address("web"))


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a;b", "a b", "$(id)", "a`b`", "a\nb", "a\x1bb", ""])
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
            said = person.fails(Address(server.host, port=server.port))
            assert "refuses to run a command" in said
        finally:
            server.stop()
