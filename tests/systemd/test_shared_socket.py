"""``cut-over = "socket"``: both releases accept from one socket of systemd's, with no proxy in front."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hosts.systemd import Network
from tests.support.load.requests import Account
from tests.support.load.running import Mix
from tests.support.user import Ran
from tests.systemd.deployer import Deployer
from tests.systemd.fronts import SHARED
from tests.systemd.slot_host import KEYS as COMMON
from tests.systemd.slot_host import install, live, release, slot_host, under_load, wait_for_one_slot
from tests.systemd.steps import caught

pytestmark = pytest.mark.root

THOROUGH = os.environ.get("RELSTORE_TEST_THOROUGH") == "1"
KEYS = (*COMMON, *SHARED.flags)


def push(deployer: Deployer, version: str, mode: str = "good", *flags: str) -> Ran:
    return deployer.run("push", release(deployer, version, mode, ends="politely"), *KEYS, *flags)


@pytest.fixture
def shared(network: Network, tmp_path: Path) -> Iterator[Deployer]:
    """An ordinary account with exactly the printed rule, at a host with the printed units."""
    with slot_host(network, tmp_path, front=SHARED) as deployer:
        first = push(deployer, "first")
        assert first.code == 0, first.err
        yield deployer


PINGS = """
import socket, sys, threading, time
end = threading.Event()
ASK = b"GET / HTTP/1.1\\r\\nHost: web\\r\\n\\r\\n"
longest = 0.0

def call():
    return socket.create_connection((sys.argv[1], 80), timeout=30)

def come():
    with call() as new:  # a connection now and then, which is what wakes a blocked accept
        new.sendall(ASK)
        new.recv(4096)

with call() as kept:
    came = time.monotonic()
    threading.Thread(target=lambda: (sys.stdin.read(), end.set()), daemon=True).start()
    while not end.is_set():
        began = time.monotonic()
        if began - came > 3:
            came = began
            threading.Thread(target=come, daemon=True).start()
        kept.sendall(ASK)
        answer = kept.recv(4096)
        longest = max(longest, time.monotonic() - began)
        if b"onnection: close" in answer or not answer:
            kept.close()
            kept = call()
        time.sleep(0.02)
print(longest)
"""


def longest_wait(deployer: Deployer, *flags: str) -> float:
    """For how long the one who serves answers nobody, while a release starts that needs 3 s for it."""
    words = [*deployer.host.network.prefix, sys.executable, "-c", PINGS, deployer.host.address]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as caller:
        ran = push(deployer, f"release {time.time()}", "starts slowly", "--health-timeout", "20s", *flags)
        out, _ = caller.communicate("", timeout=60)
    assert ran.code == 0, ran.err
    return float(out)


@pytest.mark.skipif(not THOROUGH, reason="the long form")
def test_without_a_socket_that_does_not_block_the_one_who_serves_stalls(shared: Deployer) -> None:
    """The control: what the printed unit has a line for, and preflight a finding."""
    assert longest_wait(shared) < 1.5
    shared.host.run("sed", "-i", "/^NonBlocking/d", "/etc/systemd/system/web@.service")
    shared.host.run("systemctl", "daemon-reload")
    refused = push(shared, "second")
    assert refused.code == 1
    assert "[socket-blocks]" in refused.err
    assert "[socket-not-shared]" not in refused.err
    wait_for_one_slot(shared)
    assert longest_wait(shared, "--ignore-preflight", "socket-blocks") > 1.5


def active(deployer: Deployer) -> set[str]:
    units = ("web@a.service", "web@b.service", "web-trial.service", "web-trial.socket", "web.socket")
    said = deployer.host.run("systemctl", "is-active", *units, check=False).stdout.split()
    return {name for name, state in zip(units, said, strict=True) if state == "active"}


def test_a_push_and_the_way_back_fail_no_request(shared: Deployer) -> None:
    assert live(shared) == "slots/a"
    with under_load(shared) as load:
        time.sleep(1)
        second = push(shared, "second")
        assert second.code == 0, second.err
        assert "on trial" in second.err
        back = shared.run("switch-generation", "-1", *KEYS)
        assert back.code == 0, back.err
        bad = push(shared, "third", "answers 500")
        assert bad.code == 3, bad.err
        assert "no request reached it" in bad.err
        time.sleep(0.5)
    assert load.account.broken == []
    assert set(load.account.releases) == {"first", "second"}
    assert load.account.releases["second"] > 100
    assert wait_for_one_slot(shared) == "a"
    assert active(shared) == {"web@a.service", "web.socket"}
    assert shared.status()["drift"] is None


@pytest.mark.skipif(not THOROUGH, reason="the long form")
@pytest.mark.parametrize("mode", ["exits at once", "crashes after 1 s", "never listens"])
def test_a_release_that_fails_its_trial_is_reached_by_nobody(shared: Deployer, mode: str) -> None:
    with under_load(shared) as load:
        time.sleep(0.5)
        ran = push(shared, "second", mode, "--health-stable", "2s")
        time.sleep(0.5)
    assert (ran.code, load.account.broken) == (3, []), ran.err
    assert "web-trial.service" in ran.err or "not healthy within 5 s" in ran.err
    assert "no request reached it" in ran.err
    assert set(load.account.releases) == {"first"}
    assert wait_for_one_slot(shared) == "a"
    assert active(shared) == {"web@a.service", "web.socket"}


@pytest.mark.skipif(not THOROUGH, reason="the long form")
@pytest.mark.parametrize("mode", ["exits at the shared socket", "ends at the shared socket"])
def test_one_that_fails_only_at_the_shared_socket_is_stopped_at_once(shared: Deployer, mode: str) -> None:
    with under_load(shared) as load:
        time.sleep(0.5)
        ran = push(shared, "second", mode)
        time.sleep(0.5)
    assert (ran.code, load.account.broken) == (3, []), ran.err
    assert "no request reached it" not in ran.err
    assert wait_for_one_slot(shared) == "a"
    assert shared.events()[-1] == ("rolled-back", 2)


@pytest.mark.skipif(not THOROUGH, reason="the long form")
def test_a_socket_that_systemd_closed_is_opened_by_the_next_activation(
    network: Network, tmp_path: Path
) -> None:
    def call() -> Account:
        with under_load(deployer, mix=Mix(answer=0, stream=0, patience=5)) as load:
            time.sleep(1)
        return load.account

    with slot_host(network, tmp_path, front=SHARED) as deployer:
        assert call().releases == {}
        assert active(deployer) == set()
        for version in ("first", "second"):
            ran = push(deployer, version)
            assert ran.code == 0, ran.err
            assert call().broken == []
        assert wait_for_one_slot(deployer) == "b"
        deployer.host.run("systemctl", "kill", "--signal=KILL", "web@b")
        assert call().broken == []  # whoever connects waits until it runs again
        deployer.host.run("systemctl", "stop", "web@b")
        assert call().releases == {}
        assert active(deployer) == set()
        deployer.does("restart", *KEYS)
        account = call()
        assert (account.broken, set(account.releases)) == ([], {"second"})


STEPS = ("starting", "checking", "moving the traffic", "watching", "confirming")
SLOW = ("-v", "--health-stable", "2s", "--watch", "1s", "--confirm", "20s")


@pytest.mark.parametrize("step", STEPS if THOROUGH else ("watching",))
def test_a_job_that_is_killed_is_undone_and_no_request_fails(shared: Deployer, step: str) -> None:
    with under_load(shared) as load:
        time.sleep(0.5)
        words = ("push", release(shared, "second", ends="politely"), *KEYS, *SLOW)
        with caught(shared, step, *words) as client:
            shared.host.run("pkill", "-KILL", "-f", " job /srv/web web ", check=False)
            client.kill()
        third = push(shared, "third")
        assert third.code == 0, third.err
        time.sleep(1)
    assert load.account.broken == []
    assert load.account.releases["third"] > 20
    assert shared.events()[-3:] == [("interrupted", 2), ("switching", 3), ("active", 3)]
    wait_for_one_slot(shared)
    assert shared.host.run("sh", "-c", "cat /srv/web/apps/web/slots/*/version").stdout == "third"
    assert active(shared) - {"web@a.service", "web@b.service"} == {"web.socket"}


@pytest.mark.skipif(not THOROUGH, reason="the long form")
@pytest.mark.parametrize("step", STEPS)
def test_after_a_power_cut_one_slot_serves_and_the_other_is_gone(shared: Deployer, step: str) -> None:
    install(shared, "--recover")
    shared.host.run("systemctl", "enable", "--quiet", "relstore-recover")
    with caught(shared, step, "push", release(shared, "second", ends="politely"), *KEYS, *SLOW) as client:
        shared.host.power_cut()
        client.kill()
    shared.host.boot()
    with under_load(shared) as load:  # before the slots have started, too
        shared.host.wait_running()
        assert wait_for_one_slot(shared) == "a"
        time.sleep(1)
    assert load.account.releases["first"] > 20
    assert active(shared) == {"web@a.service", "web.socket"}
    assert shared.events()[-1] == ("interrupted", 2)
    with under_load(shared) as load:
        time.sleep(1)
    assert load.account.broken == []


HOLD = """
import socket, sys
with socket.create_connection((sys.argv[1], 80), timeout=60) as caller:
    caller.sendall(b"GET /answer?40 HTTP/1.1\\r\\nHost: web\\r\\n\\r\\n")
    print(len(caller.recv(4096)))
"""


@pytest.mark.skipif(not THOROUGH, reason="the long form")
def test_one_that_does_not_finish_in_time_is_killed_and_the_log_says_so(shared: Deployer) -> None:
    words = [*shared.host.network.prefix, sys.executable, "-c", HOLD, shared.host.address]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as caller:
        time.sleep(1)
        second = push(shared, "second", "good", "--drain", "2s")
        assert second.code == 0, second.err
        assert wait_for_one_slot(shared) == "b"
        out, _ = caller.communicate(timeout=60)
    assert out == "0\n"
    assert "generation 1 was stopped after 2 s" in shared.does("log", "--app", "web").out
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as caller:
        time.sleep(1)
        third = push(shared, "third", "good", "--drain", "60s")
        assert third.code == 0, third.err
        began = time.monotonic()
        back = shared.run("switch-generation", "-1", *KEYS, "--cut-old")
        assert back.code == 0, back.err
        assert time.monotonic() - began < 40
        out, _ = caller.communicate(timeout=60)
    assert out == "0\n"
