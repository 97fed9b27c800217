"""What ssh says about a host follows from what it said about two others, or it is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from relstore.client.connection.account import Account
from relstore.client.connection.transport.address import Address
from relstore.client.connection.transport.ssh import ssh_answer
from relstore.client.connection.transport.ssh.alike import KnownAnswer, common_part, derived
from relstore.client.connection.transport.ssh.ssh_answer import answer_about

HOSTS = [*(f"web{number}" for number in range(1, 8)), "db", "Web9", "10.0.0.1", "we"]
SHARED = [
    "",
    "User bob\nPort 2222",
    "Host web*\n User bob\nHost db\n User eve",
    "Host * !web3\n User bob",
    "Host web? db\n ProxyJump b",
    "Host WEB*\n User loud\nHost web*\n User bob",
    "HostName %h.example.com\nUserKnownHostsFile ~/%h ~/.ssh/known_hosts",
    "Host *\n HostName one.example.com\n HostKeyAlias %h",
    "ProxyCommand nc -X 5 proxy %h %p",
    "IdentityFile ~/.ssh/%h-%p\nIdentityFile /web1/id",
    "Match all\n User bob",
    "Match final all\n User bob",
    "Include {directory}/more*",
    'Host "web1" web2\n User bob',
    "host=web*\n user=bob",
]
"""Configurations of which ssh is not asked about every host."""
ASKED = [
    "Match host web3\n User bob",
    "Match exec true\n User bob",
    "Match final host web3\n User bob",
    "CanonicalizeHostname yes\nCanonicalDomains example.com",
    "Host web*\n HostName %h.example.com\nMatch final all\n User bob\nHost web3.*\n User eve",
    "Host web1 web2 web3 web4 web5 web6 web7 db Web9 10.0.0.1 we\n HostName 127.0.0.1\n"
    + "".join(f"Host web{number}\n User u{number}\n" for number in range(1, 8)),
    "Include {directory}/%h",
]
"""Those of which it is."""


def asked_of(config: Path, monkeypatch: pytest.MonkeyPatch, targets: list[Address]) -> tuple[list[str], int]:
    """The answers of one run, and how often ssh was asked about a host."""
    count = 0
    real = ssh_answer._run

    async def counted(words: list[str], timeout_s: float, host: str) -> str:
        nonlocal count
        count += words[:2] != ["-F", "none"]
        return await real(words, timeout_s, host)

    monkeypatch.setattr(ssh_answer, "_run", counted)
    account = Account(str(config.parent), "me", None, (str(config),), 30, None)

    async def main() -> list[str]:
        found = await asyncio.gather(*(answer_about(target, account) for target in targets))
        return [answer or "" for answer in found]

    found = asyncio.run(main())
    monkeypatch.setattr(ssh_answer, "_run", real)
    return found, count


def each_alone(config: Path, monkeypatch: pytest.MonkeyPatch, targets: list[Address]) -> list[str]:
    return [asked_of(config, monkeypatch, [target])[0][0] for target in targets]


@pytest.mark.parametrize("text", [*SHARED, *ASKED])
def test_it_is_what_ssh_says(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "more.conf").write_text("Host web1 d?\n User eve\n")
    (tmp_path / "web3").write_text("User eve\n")
    config = tmp_path / "config"
    config.write_text(text.format(directory=tmp_path) + "\n")
    targets = [Address(host) for host in HOSTS]
    found, count = asked_of(config, monkeypatch, targets)
    assert found == each_alone(config, monkeypatch, targets)
    assert (count < 8) == (text in SHARED)


def test_ports_and_users_that_were_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    config.write_text("IdentityFile ~/.ssh/%p\nHost web*\n Port 23\n User bob\n")
    one_host = [Address("127.0.0.1", "eve", port) for port in range(2201, 2209)]
    found, count = asked_of(config, monkeypatch, one_host)
    assert found == each_alone(config, monkeypatch, one_host)
    assert count == 2
    mixed = [
        *(Address(f"web{number}", "eve", 22) for number in range(5)),
        *(Address(f"web{number}", None, 2000 + number) for number in range(5)),
        *(Address(f"web{number}", None, 23) for number in range(5)),
        *(Address(f"web{number}") for number in range(5)),
    ]
    found, count = asked_of(config, monkeypatch, mixed)
    assert found == each_alone(config, monkeypatch, mixed)
    assert count < len(mixed)


def test_a_refused_configuration_is_told_for_every_host(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Port nonsense\n")
    account = Account(str(tmp_path), "me", None, (str(config),), 30, None)

    async def main() -> list[BaseException | str | None]:
        targets = [Address(f"web{number}") for number in range(6)]
        return await asyncio.gather(*(answer_about(one, account) for one in targets), return_exceptions=True)

    errors = asyncio.run(main())
    assert [type(error).__name__ for error in errors] == ["ConnectError"] * 6


@pytest.mark.parametrize(
    ("one", "other", "third"),
    [
        ("a", "b", "a"),  # what differs is not the host
        ("/web1/x web1", "/web1/x web2", None),  # a part that only looks like the host
        ("web1", "web2", "web3"),
        ("same", "same", "same"),
    ],
)
def test_what_two_answers_show(one: str, other: str, third: str | None) -> None:
    samples = [KnownAnswer("web1", None, (f"x {one}",)), KnownAnswer("web2", None, (f"x {other}",))]
    answer = derived(*samples, Address("web3"), goes_twice=False)
    expected = None if third in (None, "a") else f"x {third}"
    assert answer == expected


def test_one_host_shows_nothing_about_another() -> None:
    samples = [KnownAnswer("web1", 22, ("x y",)), KnownAnswer("web1", 23, ("x y",))]
    assert derived(*samples, Address("web2", None, 22), goes_twice=False) is None
    assert derived(*samples, Address("web1", None, 99), goes_twice=False) == "x y"
    samples = [KnownAnswer("web1", 22, ("x y",)), KnownAnswer("web2", 22, ("x y",))]
    assert derived(*samples, Address("web3", None, 99), goes_twice=False) is None


def test_what_repeats_the_question_is_no_difference() -> None:
    text = 'hostname "web1"\nport 23\nuser bob\n'
    assert common_part(text, Address("web1", None, 23)) == "user bob\n"
    assert common_part(text, Address("web1", None, None)) == "port 23\nuser bob\n"
    assert common_part(text, Address("web2", None, 23)) == 'hostname "web1"\nuser bob\n'
