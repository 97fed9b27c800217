"""P1, P2, P3, P5: the connection or the client ends at each step of a push and of a switch.

Whatever was cut: ``current`` names a complete build, the store verifies, the host has finished or
stayed as it was, and the next push succeeds.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.host_state import problems, wait_for_jobs
from tests.support.hosts.relay import Relay
from tests.support.hosts.sshd import Sshd
from tests.support.user import TIMEOUT_S, User, make_site, target_of

THOROUGH = os.environ.get("RELSTORE_TEST_THOROUGH") == "1"
STEP = 1 if THOROUGH else 3
"""Every third of the client's pieces in the short form; every one in the long form."""

pytestmark = [pytest.mark.sshd, pytest.mark.slow, pytest.mark.timeout(1800 if THOROUGH else 900)]
MOST = 200

Client = list[subprocess.Popen[str]]


def kill_client(client: Client, server: Sshd) -> None:
    client[0].send_signal(signal.SIGKILL)


def kill_sshd_child(client: Client, server: Sshd) -> None:
    server.cut_connections()


CUTS: dict[str, Callable[[Client, Sshd], None]] = {
    "client-killed": kill_client,
    "sshd-child-killed": kill_sshd_child,
}


def run_cut(
    user: User,
    server: Sshd,
    store: Path,
    moment: int,
    cut: Callable[[Client, Sshd], None],
    *words: object,
    in_bytes: bool = False,
) -> tuple[bool, int]:
    """Run a command through a relay that cuts at ``moment`` (a number of pieces, or of bytes); whether that came,
    and the bytes until then."""
    client: Client = []

    def act() -> None:
        cut(client, server)

    with Relay(server.port, moment, act, in_bytes=in_bytes) as relay:
        known_hosts = server.known_hosts.read_text().replace(f":{server.port} ", f":{relay.port} ")
        (user.home / "known_hosts").write_text(known_hosts)
        config = (user.home / ".ssh" / "config").read_text()
        (user.home / ".ssh" / "config").write_text(
            f"Host cut\n    HostName {server.host}\n    Port {relay.port}\n"
            f"    UserKnownHostsFile {user.home}/known_hosts\n" + config
        )
        try:
            client.append(user.start(*words, "--to", f"{server.user}@cut:{store}"))
            client[0].communicate(timeout=TIMEOUT_S)
        finally:
            (user.home / ".ssh" / "config").write_text(config)
        return relay.acted, relay.bytes


def check(store: Path, contents: set[str]) -> None:
    """The promises, on disk."""
    if not (store / "format").exists():
        return
    wait_for_jobs(store, "site")
    assert problems(store) == []
    current = store / "apps" / "site" / "current"
    if os.path.lexists(current):
        assert (current / "index.html").read_text() in contents


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
def test_the_first_push(
    server: Sshd, store_path: Path, user: User, site: Path, cut: Callable[[Client, Sshd], None]
) -> None:
    user.may_log_in_to(server)
    for moment in range(1, MOST, STEP):
        if not run_cut(user, server, store_path, moment, cut, "push", site)[0]:
            break
        check(store_path, {"one"})
        if moment % (4 * STEP) == 1:
            user.does("push", site, "--to", target_of(server, store_path))
            assert (store_path / "apps/site/current/index.html").read_text() == "one"
            user.does("gc", "--to", target_of(server, store_path))
            forget(store_path)
    else:
        pytest.fail("the push never got through")


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
def test_a_push_over_a_good_one(
    server: Sshd, store_path: Path, user: User, site: Path, cut: Callable[[Client, Sshd], None]
) -> None:
    user.may_log_in_to(server)
    to = ("--to", target_of(server, store_path))
    user.does("push", make_site(site, "0"), *to)
    for moment in range(1, MOST, STEP):
        former = (store_path / "apps/site/current/index.html").read_text()
        make_site(site, str(moment))
        came, _ = run_cut(user, server, store_path, moment, cut, "push", site)
        check(store_path, {former, str(moment)})
        user.does("push", site, *to)
        assert (store_path / "apps/site/current/index.html").read_text() == str(moment)
        if not came:
            break
    else:
        pytest.fail("the push never got through")


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
def test_a_switch(
    server: Sshd, store_path: Path, user: User, site: Path, cut: Callable[[Client, Sshd], None]
) -> None:
    user.may_log_in_to(server)
    to = ("--to", target_of(server, store_path))
    for version in ("1", "2"):
        user.does("push", make_site(site, version), *to)
    for moment in range(1, MOST, STEP):
        current = os.readlink(store_path / "apps/site/current")[-1]
        other = "1" if current == "2" else "2"
        came, _ = run_cut(user, server, store_path, moment, cut, "switch-generation", other)
        check(store_path, {"1", "2"})
        user.does("switch-generation", other, *to)
        assert (store_path / "apps/site/current/index.html").read_text() == other
        if not came:
            break
    else:
        pytest.fail("the switch never got through")


def test_killed_right_after_the_host_accepted(
    server: Sshd, store_path: Path, user: User, site: Path, tmp_path: Path
) -> None:
    """The activation goes on without anybody, and the log tells."""
    user.may_log_in_to(server)
    to = ("--to", target_of(server, store_path))
    gate = store_path.parent / "gate"
    os.mkfifo(gate)
    gate.chmod(0o666)
    with user.start("push", site, *to, "-v", "--restart", f"read line < {gate}; echo let through") as client:
        assert client.stderr is not None
        for line in client.stderr:
            if "owns the activation" in line:
                break
        client.kill()
    # Nobody is connected any more; the restart is still waiting at the gate.
    server.cut_connections()
    with gate.open("w") as opened:
        opened.write("go\n")
    wait_for_jobs(store_path, "site")
    events = user.does("log", "--json", *to).document["hosts"][0]["events"]
    assert [event["event"] for event in events] == ["switching", "active"]
    attached = user.does("attach", *to)
    assert "generation 1 is active" in attached.out
    assert "let through" in attached.err


def forget(store: Path) -> None:
    """Remove the store, for a first push once more."""
    for path in sorted(store.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    store.rmdir()
