"""What is taken from ssh_config, and how it is handed to asyncssh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncssh
import pytest

from relstore.client.connection.account import Account
from relstore.client.connection.transport.address import Address, label_of, ssh_command
from relstore.client.connection.transport.ssh.config import HostSettings
from relstore.client.connection.transport.ssh.host_key import HostNames
from relstore.client.connection.transport.ssh.known_hosts import KnownHosts
from relstore.client.connection.transport.ssh.options import connection_options, host_key_algorithms
from relstore.errors import ConnectError

HOME = "/home/someone"


def load(
    tmp_path: Path, *texts: str, target: Address | None = None, agent: str | None = None
) -> HostSettings:
    paths = []
    for number, text in enumerate(texts):
        paths.append(tmp_path / f"config{number}")
        paths[-1].write_text(text)
    account = Account(HOME, "someone", agent, tuple(map(str, paths)), 10, None)
    return HostSettings.load(target or Address("web"), account)


def test_without_a_file(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert (settings.host, settings.port, settings.user) == ("web", 22, "someone")
    assert settings.user_known_hosts == (f"{HOME}/.ssh/known_hosts", f"{HOME}/.ssh/known_hosts2")
    assert settings.global_known_hosts == ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
    assert settings.identity_files[0] == f"{HOME}/.ssh/id_ed25519"
    assert not settings.accept_new_key


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("User bob", "user", "bob"),
        ("Host db\n User eve\nHost web\n User bob", "user", "bob"),
        ("Host * !web\n User eve\nHost *\n User bob", "user", "bob"),
        ("Match host web\n User bob", "user", "bob"),
        ("Match final\n User bob", "user", "bob"),
        ("Port=2222", "port", 2222),
        ("HostName %h.example.com", "host", "web.example.com"),
        ("StrictHostKeyChecking accept-new", "accept_new_key", True),
        ("StrictHostKeyChecking No", "accept_new_key", True),
        ("StrictHostKeyChecking yes\nStrictHostKeyChecking no", "accept_new_key", False),
        ("UserKnownHostsFile ~/a /b ~/%h", "user_known_hosts", (f"{HOME}/a", "/b", f"{HOME}/web")),
        ("UserKnownHostsFile none", "user_known_hosts", ()),
        ("GlobalKnownHostsFile none", "global_known_hosts", ()),
        ("HashKnownHosts yes", "hash_known_hosts", True),
        ("HostKeyAlias it", "host_key_alias", "it"),
        ("IdentityFile ~/a\nIdentityFile /b", "identity_files", (f"{HOME}/a", "/b")),
        ("IdentityFile none", "identity_files", ()),
        ("CertificateFile ~/a-cert.pub", "certificate_files", (f"{HOME}/a-cert.pub",)),
        ("IdentitiesOnly yes", "identities_only", True),
        ("ProxyJump b", "jumps", (Address("b"),)),
        ("ProxyJump bob@b:23,c", "jumps", (Address("b", "bob", 23), Address("c"))),
        ("ProxyJump ssh://bob@b:23/", "jumps", (Address("b", "bob", 23),)),
        ("ProxyJump b@c@d", "jumps", (Address("d", "b@c"),)),
        ("ProxyJump [::1]:23", "jumps", (Address("::1", None, 23),)),
        ("ProxyJump none\nProxyJump b", "jumps", ()),
        ("ProxyJump b\nProxyCommand x", "jumps", (Address("b"),)),
        ("ProxyJump b\nProxyCommand x", "proxy_command", None),
        ("ProxyCommand x\nProxyJump b", "jumps", ()),
        ("ProxyCommand nc -X 5 'a b' %h %p", "proxy_command", "nc -X 5 'a b' web 22"),
        ("ProxyCommand none\nProxyCommand x", "proxy_command", None),
        ("Ciphers aes256-ctr", "own_ciphers", True),
    ],
)
def test_options(tmp_path: Path, text: str, field: str, value: Any) -> None:
    assert getattr(load(tmp_path, text), field) == value


@pytest.mark.parametrize(
    ("text", "agent"),
    [
        ("", "/agent"),
        ("IdentityAgent none", None),
        ("IdentityAgent ~/other", f"{HOME}/other"),
        ("IdentityAgent SSH_AUTH_SOCK", "/agent"),
    ],
)
def test_the_agent(tmp_path: Path, text: str, agent: str | None) -> None:
    assert load(tmp_path, text, agent="/agent").agent_path == agent


def test_of_two_files_the_first_word_counts(tmp_path: Path) -> None:
    settings = load(tmp_path, "Host web\n User bob", "User eve\nPort 2222", target=Address("web", port=23))
    assert (settings.user, settings.port) == ("bob", 23)


@pytest.mark.parametrize(
    "text",
    [
        "Port x",
        "Port 0",
        "Port 65536",
        "StrictHostKeyChecking perhaps",
        "ProxyJump a:b:c",
        "IdentityFile ${NO_SUCH_VARIABLE}",
        "User 'open",
        "HashKnownHosts perhaps",
        "User \udcff",
    ],
)
def test_a_bad_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config0"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    account = Account(HOME, "someone", None, (str(path),), 10, None)
    with pytest.raises(ConnectError) as caught:
        HostSettings.load(Address("web"), account)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("address", "label", "command"),
    [
        (Address("web"), "web", "ssh web"),
        (Address("web", "bob", 23), "bob@web:23", "ssh -p 23 bob@web"),
        (Address("::1", "bob", 23), "bob@[::1]:23", "ssh -p 23 bob@::1"),
        (Address("::1"), "::1", "ssh ::1"),
    ],
)
def test_naming_an_address(address: Address, label: str, command: str) -> None:
    assert label_of(address) == label
    assert ssh_command(address) == command


@pytest.mark.parametrize(
    ("known", "certified", "first"),
    [
        ((), False, "ssh-ed25519"),
        (("ssh-rsa",), False, "rsa-sha2-512"),
        (("ssh-of-tomorrow", "ecdsa-sha2-nistp384"), False, "ecdsa-sha2-nistp384"),
        ((), True, "ssh-ed25519-cert-v01@openssh.com"),
    ],
)
def test_which_key_the_host_is_asked_for(known: tuple[str, ...], certified: bool, first: str) -> None:
    algorithms = host_key_algorithms(known, certified=certified)
    assert algorithms[0] == first
    assert len(set(algorithms)) == len(algorithms) == (12 if certified else 6)
    assert any("cert" in each for each in algorithms) is certified


@pytest.mark.parametrize(
    ("text", "first_cipher"),
    [
        ("", b"aes128-gcm@openssh.com"),
        ("Ciphers aes256-ctr", b"aes256-ctr"),
        # What is meant for a terminal, or would open ways back to this machine, has no effect.
        (
            "ForwardAgent yes\nForwardX11Trusted yes\nRequestTTY force\nCompression yes",
            b"aes128-gcm@openssh.com",
        ),
    ],
)
def test_asyncssh_takes_the_options(tmp_path: Path, text: str, first_cipher: bytes) -> None:
    settings, nothing = load(tmp_path, text), KnownHosts(())
    options = connection_options(settings, nothing, HostNames.of("web", 22, None))
    config = [str(tmp_path / "config0")]
    made = asyncssh.SSHClientConnectionOptions(host="web", config=config, **options)
    assert made.encryption_algs[0] == first_cipher
    assert made.compression_algs == [b"none"]
    assert made.known_hosts is not None
    assert made.agent_forward_path is None
    assert made.x11_forwarding is False
    assert made.request_pty is False
    assert (made.tunnel, made.proxy_command, made.agent_path) == (None, None, None)
