"""What ssh(1) makes of ssh_config is what holds; without ssh, our own reader comes to the same."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from relstore.client.connection.account import Account
from relstore.client.connection.transport.address import Address
from relstore.client.connection.transport.ssh import ssh_answer
from relstore.client.connection.transport.ssh.config import HostSettings
from relstore.client.connection.transport.ssh.ssh_answer import resolved, translate
from relstore.errors import ConnectError

HOME = pwd.getpwuid(os.getuid()).pw_dir
"""ssh resolves ~ so, whatever HOME says."""
BOTH = [
    "",
    "User bob",
    "Host db\n User eve\nHost web\n User bob",
    "Host * !web\n User eve\nHost *\n User bob",
    "Match host web\n User bob",
    "Match final\n User bob",
    "Port=2222",
    "HostName %h.example.com",
    "HostName fe80::1%%eth0",
    "StrictHostKeyChecking accept-new",
    "StrictHostKeyChecking no",
    "StrictHostKeyChecking yes\nStrictHostKeyChecking no",
    "UserKnownHostsFile ~/a /b ~/%h",
    "UserKnownHostsFile none",
    "GlobalKnownHostsFile none",
    "HashKnownHosts yes",
    "HostKeyAlias it",
    "IdentityFile ~/a\nIdentityFile /b",
    'IdentityFile "/a b/it\'s"',
    "IdentityFile none",
    "IdentityFile ~/.ssh/%n-%p",
    "CertificateFile ~/a-cert.pub",
    "IdentitiesOnly yes",
    "IdentityAgent none",
    "IdentityAgent ~/other",
    "IdentityAgent SSH_AUTH_SOCK",
    "ProxyJump b",
    "ProxyJump bob@b:23,c",
    "ProxyJump ssh://bob@b:23",
    "ProxyJump none\nProxyJump b",
    "ProxyJump b\nProxyCommand x",
    "ProxyCommand x\nProxyJump b",
    "ProxyCommand nc -X 5 'a b' %h %p",
    "ProxyCommand none\nProxyCommand x",
    "Ciphers aes256-ctr",
    "HostKeyAlgorithms ssh-ed25519",
    "RevokedHostKeys /etc/revoked",
    "VerifyHostKeyDNS yes",
    "KnownHostsCommand /bin/keys %H",
]
needs_ssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed")


def account_with(tmp_path: Path, text: str | bytes, timeout_s: float = 10) -> Account:
    path = tmp_path / "a config"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Account(HOME, "someone", "/agent", (str(path), str(tmp_path / "missing")), timeout_s, None)


def by_ssh(tmp_path: Path, text: str | bytes, target: Address | None = None) -> HostSettings:
    """The settings from ssh's answer, which must have come from ssh."""
    where, account = target or Address("web"), account_with(tmp_path, text)

    async def load() -> HostSettings:
        async with resolved(where, account) as answered:
            assert answered.ssh_config_paths != account.ssh_config_paths, "ssh gave no answer"
            return HostSettings.load(where, answered)

    return asyncio.run(load())


@needs_ssh
@pytest.mark.parametrize("target", [Address("web"), Address("web", "carol", 2200)])
@pytest.mark.parametrize("text", BOTH)
def test_both_readers_agree(tmp_path: Path, text: str, target: Address) -> None:
    ours = HostSettings.load(target, account_with(tmp_path, text))
    assert by_ssh(tmp_path, text, target) == ours


@needs_ssh
@pytest.mark.parametrize(
    "text",
    [
        "User bob # a comment at the end",
        b"# caf\xe9\nUser bob",
        "Match exec true\n User bob",
        "Match !exec false\n User bob",
        "Match originalhost web\n User bob",
        "\tUser\t=\tbob",
    ],
)
def test_what_only_ssh_understands(tmp_path: Path, text: str | bytes) -> None:
    assert by_ssh(tmp_path, text).user == "bob"


def knows_local_networks() -> bool:
    """OpenSSH does from 9.4 on."""
    asked = ["ssh", "-G", "-o", "Match localnetwork 203.0.113.0/24", "web"]
    return (
        needs_ssh.args[0] is False and not subprocess.run(asked, capture_output=True, check=False).returncode
    )


@needs_ssh
@pytest.mark.skipif(not knows_local_networks(), reason="this ssh knows no localnetwork")
def test_a_local_network_is_matched(tmp_path: Path) -> None:
    text = "Match localnetwork 203.0.113.0/24\n User eve\nMatch all\n User bob"
    assert by_ssh(tmp_path, text).user == "bob"


@needs_ssh
@pytest.mark.parametrize("text", ["Port x", "NoSuchOption yes", "User 'open", "Match perhaps\n User bob"])
def test_what_ssh_refuses_is_refused_in_its_words(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConnectError, match="SSH configuration cannot be used") as caught:
        by_ssh(tmp_path, text)
    assert "ssh -G web" in caught.value.hint
    assert str(tmp_path) in caught.value.what


@pytest.mark.parametrize("text", ["=", "=\nUser bob", b"User \xe9", 'User "open'])
def test_our_reader_never_ends_otherwise_than_with_a_message(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(ConnectError, match="SSH configuration cannot be used"):
        HostSettings.load(Address("web"), account_with(tmp_path, text))


@needs_ssh
@pytest.mark.parametrize(
    "option", ["KnownHostsCommand /bin/keys %H", "RevokedHostKeys /x", "VerifyHostKeyDNS ask"]
)
def test_what_changes_trust_and_is_not_obeyed_is_known(tmp_path: Path, option: str) -> None:
    name = option.split()[0]
    assert by_ssh(tmp_path, option).unheeded == (name,)
    assert by_ssh(tmp_path, f"{name} none" if name != "VerifyHostKeyDNS" else f"{name} no").unheeded == ()


def test_without_ssh_the_files_are_read_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_answer, "_PROGRAM", str(tmp_path / "no-ssh"))
    account = account_with(tmp_path, "User bob")

    async def paths() -> tuple[str, ...]:
        async with resolved(Address("web"), account) as answered:
            return answered.ssh_config_paths

    assert asyncio.run(paths()) == account.ssh_config_paths


@pytest.mark.parametrize(
    ("script", "falls_back"),
    [
        ("echo something else", True),
        ("echo 'No user exists for uid 54321' >&2; exit 255", True),
        ("echo 'ssh: unknown option -- G' >&2; exit 255", True),
        ("yes", True),
        ("sleep 600 & wait", False),
        ("echo broken >&2; exit 255", False),
    ],
)
def test_a_strange_ssh_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, falls_back: bool
) -> None:
    program = tmp_path / "ssh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(ssh_answer, "_PROGRAM", str(program))
    account = account_with(tmp_path, "User bob", timeout_s=1)

    async def paths() -> tuple[str, ...]:
        async with resolved(Address("web"), account) as answered:
            return answered.ssh_config_paths

    began = time.monotonic()
    if falls_back:
        assert asyncio.run(paths()) == account.ssh_config_paths
    else:
        with pytest.raises(ConnectError, match="SSH configuration cannot be used"):
            asyncio.run(paths())
    assert time.monotonic() - began < 20


@needs_ssh
def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    by_ssh(tmp_path, "User bob")
    assert os.listdir(tmp_path) == ["a config"]


def test_defaults_are_left_out_and_texts_are_quoted() -> None:
    answer = (
        "hostname fe80::1%eth0\nuser root\nport 23\nidentityfile /a b\nciphers x\nmacs y\nrequesttty auto\n"
    )
    defaults = "hostname web\nuser root\nport 22\nidentityfile ~/.ssh/id_rsa\nciphers x\nmacs z\n"
    assert translate(answer, defaults) == ('hostname "fe80::1%%eth0"\nport 23\nidentityfile "/a b"\nmacs y\n')
