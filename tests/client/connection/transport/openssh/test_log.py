"""What is read from the log of ssh(1), in the wording of several versions."""

from __future__ import annotations

import pytest

from relstore.client.connection.transport.login_errors import Stage
from relstore.client.connection.transport.openssh.log import CommandEnd, SSHLog

GREETED = """\
debug1: Connecting to web1.example [192.0.2.7] port 2222.\r
debug1: Connection established.\r
"""
KEY = "debug1: Server host key: ssh-ed25519 SHA256:abc\r\n"
OFFERED = "debug1: Offering public key: /home/a b/.ssh/id ED25519 SHA256:def explicit\n"
TAKEN = "debug1: Server accepts key: /home/a b/.ssh/id ED25519 SHA256:def explicit\n"


def log_of(*texts: str) -> SSHLog:
    log = SSHLog()
    for text in texts:
        log.feed(text.encode())
    return log


def test_how_far_a_login_got() -> None:
    assert log_of("").stage is Stage.REACHING
    assert log_of(GREETED).stage is Stage.GREETING
    assert log_of(GREETED).dialled == ("web1.example", 2222)
    assert log_of(GREETED, KEY).stage is Stage.LOGGING_IN
    assert log_of(GREETED, KEY).host_key == "ED25519 SHA256:abc"


@pytest.mark.parametrize(
    "lines",
    [
        'Authenticated to web1 ([192.0.2.7]:22) using "publickey".\ndebug1: Sending command: true\n',
        "debug1: Authentication succeeded (publickey).\nAuthenticated to web1 ([192.0.2.7]:22).\n"
        "debug1: Sending command: true\n",
        "debug1: mux_client_request_session: master session id: 2\n",
    ],
)
def test_when_the_command_runs(lines: str) -> None:
    log = log_of(GREETED, KEY, lines)
    assert log.is_logged_in
    assert log.is_running
    assert list(log.said) == []


def test_the_login_is_not_yet_the_command() -> None:
    log = log_of(GREETED, KEY, "Authenticated to web1 ([192.0.2.7]:22).\n")
    assert log.is_logged_in
    assert not log.is_running


def test_a_line_arrives_in_pieces() -> None:
    log = log_of("Permission den", "ied (publickey).", "\n")
    assert list(log.said) == ["Permission denied (publickey)."]


def test_which_keys_were_offered_and_which_one_was_locked() -> None:
    agent = "debug1: Offering public key: me@here RSA SHA256:ghi agent\n"
    log = log_of(GREETED, KEY, OFFERED, agent, TAKEN)
    assert log.offered == ["ED25519 SHA256:def (/home/a b/.ssh/id)", "RSA SHA256:ghi (agent)"]
    assert log.locked == ["/home/a b/.ssh/id"]
    assert log_of(GREETED, KEY, OFFERED, TAKEN, "Authenticated to web1 ([::1]:22).\n").locked == []


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("ssh-rsa", "RSA"),
        ("ecdsa-sha2-nistp256", "ECDSA"),
        ("sk-ssh-ed25519@openssh.com", "ED25519-SK"),
        ("sk-ecdsa-sha2-nistp256@openssh.com", "ECDSA-SK"),
        ("ssh-ed25519-cert-v01@openssh.com", "ED25519"),
    ],
)
def test_what_ssh_calls_a_key(kind: str, label: str) -> None:
    assert log_of(f"debug1: Server host key: {kind} SHA256:x\n").host_key == f"{label} SHA256:x"


def test_how_the_command_ended() -> None:
    end = "debug1: client_input_channel_req: channel 0 rtype exit-{} reply 0\n"
    assert log_of(GREETED).ended is CommandEnd.NOT_SAID
    assert log_of(end.format("status")).ended is CommandEnd.BY_ITSELF
    assert log_of(end.format("signal")).ended is CommandEnd.BY_SIGNAL


def test_a_host_that_says_much_fills_nothing() -> None:
    log = SSHLog()
    for number in range(10_000):
        log.feed(b"x" * 10_000 + b"%d" % number)
    log.feed(b"\n" * 10_000)
    for number in range(10_000):
        log.feed(b"line %d\n" % number)
    assert len(log.said) < 1000
    assert log.said[-1] == "line 9999"


def test_what_a_host_calls_itself_is_not_what_ssh_says() -> None:
    lie = "debug1: Remote protocol version 2.0, remote software version x Authenticated to you\n"
    assert not log_of(GREETED, lie).is_logged_in
