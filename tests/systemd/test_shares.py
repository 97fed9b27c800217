"""Moving the traffic gradually, under load: by HAProxy's weights, and by a command of the deployer's."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.haproxy import need_haproxy
from tests.support.hosts.systemd import Network
from tests.support.load.running import Load
from tests.support.user import Ran
from tests.systemd.deployer import Deployer
from tests.systemd.fronts import Front
from tests.systemd.slot_host import (
    APP,
    KEYS,
    install,
    live,
    release,
    slot_host,
    slots_of,
    under_load,
    wait_for_one_slot,
)

pytestmark = pytest.mark.root

thorough = pytest.mark.skipif(
    os.environ.get("RELSTORE_TEST_THOROUGH") != "1", reason="make proof-cut-over runs it"
)
COMMAND_KEYS = tuple(
    word
    for pair in zip(KEYS[::2], KEYS[1::2], strict=True)
    for word in pair
    if pair[0] not in ("--watch", "--drain")
)
HAPROXY = ("--cut-over", "haproxy", "--shares", "10,50", "--watch", "2s", "--drain", "5s")


def are_bad_answers(load: Load) -> bool:
    """Whether the callers saw only what a release that turns bad and is ended answers, and that for a moment."""
    broken = load.account.broken
    times = [request.ended for request in broken]
    return len(broken) < 0.1 * load.account.asked and max(times, default=0) - min(times, default=0) < 5


CONFIG = """\
global
    stats socket /run/haproxy/admin.sock mode 660 level admin
    user haproxy
    group haproxy
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend web
    bind :80
    default_backend {backend}
backend web
    balance roundrobin
    option http-server-close
    option redispatch
    server live unix@/srv/web/apps/web/live weight 100
    server next unix@/srv/web/apps/web/next weight 0
backend by-slot
    option http-server-close
    option redispatch
    server a unix@/run/web-a/sock weight 100
    server b unix@/run/web-b/sock weight 0
"""

# Adds up what each slot was asked, apart for each share; it ends when its standard input does.
COUNTER = """
import json, os, select, socket, sys, time
def count(slot):
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(f"/run/web-{slot}/sock")
            connection.sendall(b"GET /count HTTP/1.1\\r\\nConnection: close\\r\\n\\r\\n")
            data = b""
            while more := connection.recv(4096):
                data += more
            return int(data.split()[-1])
    except (OSError, ValueError):
        return None
seen = {}
while not os.path.exists("/run/enough"):
    try:
        share = os.readlink("/srv/web/apps/web/slots/share")
    except FileNotFoundError:
        share = ""
    counts = count("a"), count("b")
    if None not in counts:
        seen.setdefault(share, [counts, counts])[1] = counts
    time.sleep(0.02)
os.unlink("/run/enough")
print(json.dumps({share: [end[0] - begin[0], end[1] - begin[1]] for share, (begin, end) in seen.items()}))
"""


@contextmanager
def counting(deployer: Deployer) -> Iterator[dict[str, tuple[int, int]]]:
    """How often slots a and b were asked while each share held, as they count it; filled at the end."""
    found: dict[str, tuple[int, int]] = {}

    def count() -> None:
        found.update(json.loads(deployer.host.run("python3", "-c", COUNTER).stdout))

    counter = threading.Thread(target=count)
    counter.start()
    try:
        yield found
    finally:
        deployer.host.run("touch", "/run/enough")
        counter.join()


def shares(found: Mapping[str, tuple[int, int]], new: str) -> dict[str, float]:
    """The percentage that the new slot got while each share held."""
    index = "ab".index(new)
    return {note: 100 * counts[index] / sum(counts) for note, counts in found.items() if note and sum(counts)}


@contextmanager
def balanced(network: Network, tmp_path: Path, backend: str) -> Iterator[Deployer]:
    """An ordinary account with exactly the printed rule, at a host with the printed slots behind HAProxy."""
    need_haproxy()
    config = {"/etc/haproxy/haproxy.cfg": CONFIG.format(backend=backend)}
    front = Front("HAProxy", "haproxy.service", "/usr/sbin/haproxy", files=config)
    with slot_host(network, tmp_path, front=front) as deployer:
        deployer.host.run("usermod", "-a", "-G", "haproxy", "deploy")
        yield deployer


@pytest.fixture
def slots(network: Network, tmp_path: Path) -> Iterator[Deployer]:
    with balanced(network, tmp_path, "web") as deployer:
        first = push(deployer, "first")
        assert first.code == 0, first.err
        yield deployer


def push(deployer: Deployer, version: str, mode: str = "good", *flags: str) -> Ran:
    return deployer.run("push", release(deployer, version, mode), *KEYS, *HAPROXY, *flags)


def share(deployer: Deployer) -> str:
    """What the front was told."""
    return deployer.host.run("readlink", f"{APP}/slots/share", check=False).stdout.strip()


def wait_for_share(deployer: Deployer, wanted: str) -> None:
    deadline = time.monotonic() + 60
    if wanted == "all":
        wait_for_share(deployer, "b:50")
        wanted = ""
    while share(deployer) != wanted:
        assert time.monotonic() < deadline, share(deployer)
        time.sleep(0.02)


def shown(deployer: Deployer) -> str:
    """What ``status`` shows of the slots, and that its document says the same."""
    text = deployer.does("status", "--app", "web").out
    slots = deployer.status()["slots"]
    assert isinstance(slots, list)
    assert all(f"{slot['share']} %" in text for slot in slots if slot["share"] is not None)
    return text


def wait_for_slots(deployer: Deployer, wanted: str) -> None:
    deadline = time.monotonic() + 40
    while sorted({"a", "b"} & set(slots_of(deployer))) != list(wanted):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_wound_up(deployer: Deployer, slot: str) -> bool:
    """Whether HAProxy sends everything to ``live``, there is no ``next``, and ``slot`` alone is left."""
    assert wait_for_one_slot(deployer) == slot
    assert live(deployer) == f"/run/web-{slot}/sock"
    names = deployer.host.run("ls", APP, f"{APP}/slots").stdout.split()
    return not {"next", "share"} & set(names) and deployer.status()["drift"] is None


def kill_job(deployer: Deployer) -> None:
    deployer.host.run("pkill", "-KILL", "-f", " job /srv/web web ", check=False)


@contextmanager
def at_share(deployer: Deployer, noted: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    """Start a push; the block begins when the front was told that share (or of all the traffic)."""
    with deployer.start(*words) as client:
        try:
            wait_for_share(deployer, noted)
            time.sleep(0.3)
            yield client
        finally:
            client.kill()


@contextmanager
def slow_push(deployer: Deployer, noted: str, version: str, *flags: str) -> Iterator[subprocess.Popen[str]]:
    words = ("push", release(deployer, version), *KEYS, *HAPROXY, "--watch", "5s", *flags)
    with at_share(deployer, noted, *words) as client:
        yield client


@contextmanager
def killed_at(deployer: Deployer, noted: str, version: str) -> Iterator[str]:
    """Kill the job of a push at that share; what ``status`` showed just before."""
    watch = "6s" if noted == "all" else "30s"  # nobody waits for the end of that
    with slow_push(deployer, noted, version, "--watch", watch) as client:
        during = "" if noted == "all" else shown(deployer)
        kill_job(deployer)
        client.kill()
    yield during


def test_shares_by_haproxy(slots: Deployer) -> None:
    """A good release, one that turns bad with 10 %, and a job that is killed there."""
    with under_load(slots) as load, counting(slots) as counts:
        time.sleep(0.5)
        second = push(slots, "second")
        assert second.code == 0, second.err
    assert load.account.broken == []
    got = shares(counts, "b")
    assert set(got) == {"b:10", "b:50"}
    assert abs(got["b:10"] - 10) <= 5, counts
    assert abs(got["b:50"] - 50) <= 5, counts
    assert is_wound_up(slots, "b")

    with under_load(slots) as load, counting(slots) as counts:
        bad = push(slots, "third", "turns bad after 40", "--watch", "30s")
        time.sleep(0.5)
    assert bad.code == 3, bad.err
    assert set(counts) == {"", "a:10"}
    assert abs(shares(counts, "a")["a:10"] - 10) <= 5, counts
    assert are_bad_answers(load), load.account.broken
    assert is_wound_up(slots, "b")

    with under_load(slots) as load:
        with killed_at(slots, "a:10", "fourth") as during:
            pass
        assert "slot a       generation 4, 10 %, web@a.service active, " in during
        assert "slot b       generation 2, live, 90 %, web@b.service active, " in during
        drift = str(slots.status()["drift"])
        assert "slot a generation 4, 10 %: the next activation takes that back" in drift
        assert "HAProxy sends 10 % of the traffic to `next`, which leads to slot a" in drift
        fifth = push(slots, "fifth", "good", "--shares", "50", "--watch", "1s")
        assert fifth.code == 0, fifth.err
    assert load.account.broken == []
    assert load.account.releases["fifth"] > 20
    assert slots.events()[-3:] == [("interrupted", 4), ("switching", 5), ("active", 5)]


@thorough
@pytest.mark.parametrize("noted", ["b:10", "b:50", "all"])
def test_a_job_that_is_killed_at_a_share_is_undone_and_no_request_fails(slots: Deployer, noted: str) -> None:
    with under_load(slots) as load:
        time.sleep(0.5)
        with killed_at(slots, noted, "second"):
            pass
        third = push(slots, "third")
        assert third.code == 0, third.err
        time.sleep(0.5)
    assert load.account.broken == []
    assert load.account.releases["third"] > 20
    assert slots.events()[-3:] == [("interrupted", 2), ("switching", 3), ("active", 3)]
    assert is_wound_up(slots, "b")


@thorough
@pytest.mark.parametrize("noted", ["b:10", "b:50", "all"])
def test_after_a_power_cut_at_a_share_the_old_release_serves(slots: Deployer, noted: str) -> None:
    install(slots, "--recover")
    slots.host.run("systemctl", "enable", "--quiet", "relstore-recover")
    with slow_push(slots, noted, "second", "--watch", "6s") as client:
        slots.host.power_cut()
        client.kill()
    slots.host.boot()
    slots.host.wait_running()
    assert wait_for_one_slot(slots) == "a"
    assert slots.events()[-1] == ("interrupted", 2)
    with under_load(slots) as load:
        time.sleep(1)
        third = push(slots, "third")
        assert third.code == 0, third.err
    assert load.account.broken == []
    assert is_wound_up(slots, "b")


@thorough
def test_a_share_that_haproxy_forgets_is_moved_again(slots: Deployer) -> None:
    with under_load(slots) as load, counting(slots) as counts:
        with slow_push(slots, "b:10", "second", "--watch", "4s") as client:
            time.sleep(0.5)
            slots.host.run("systemctl", "reload", "haproxy")
            _, said = client.communicate(timeout=60)
        assert client.returncode == 0, said
    assert "HAProxy has weight 100 for `live` and 0 for `next`, not 90 and 10: moving 10 %" in said
    assert load.account.broken == []
    assert shares(counts, "b")["b:10"] > 2  # for half of the time it had none
    assert is_wound_up(slots, "b")


@thorough
def test_a_haproxy_that_cannot_be_told_does_not_close_the_way_back(slots: Deployer) -> None:
    with under_load(slots) as load:
        with slow_push(slots, "b:10", "second", "--watch", "3s") as client:
            time.sleep(0.5)
            slots.host.run("chmod", "600", "/run/haproxy/admin.sock")
            _, said = client.communicate(timeout=60)
        assert client.returncode == 1, said
        assert "slot b did not get 10 % of the traffic" in said
        assert slots.events()[-1] == ("interrupted", 2)
        assert "both of its servers lead to slot a" in slots.last_reason()
        wait_for_slots(slots, "a")
        assert "cannot be used: Permission denied" in str(slots.status()["drift"])
        refused = push(slots, "third")
        assert refused.code == 1
        assert "Add the account that deploys to the group of that socket" in refused.err
        slots.host.run("chmod", "660", "/run/haproxy/admin.sock")
        drift = "HAProxy sends 10 % of the traffic to `next`, which leads to slot a"
        assert slots.status()["drift"] == drift
        third = push(slots, "third")
        assert third.code == 0, third.err
    assert load.account.broken == []
    assert is_wound_up(slots, "b")


@thorough
def test_going_back_to_what_was_active_is_not_gradual(slots: Deployer) -> None:
    second = push(slots, "second")
    assert second.code == 0, second.err
    with under_load(slots) as load, counting(slots) as counts:
        back = slots.run("switch-generation", "-1", *KEYS, *HAPROXY)
        assert back.code == 0, back.err
    assert load.account.broken == []
    assert set(counts) == {""}
    assert is_wound_up(slots, "a")


@thorough
@pytest.mark.parametrize(
    ("mode", "flags"),
    [
        ("turns bad after 200", ("--shares", "50", "--watch", "30s")),
        ("turns bad after 300", ("--shares", "10", "--watch", "3s")),
    ],
    ids=["50", "all"],
)
def test_one_that_turns_bad_later_goes_back_too(slots: Deployer, mode: str, flags: tuple[str, ...]) -> None:
    with under_load(slots) as load:
        bad = push(slots, "second", mode, *flags)
        time.sleep(0.5)
    assert bad.code == 3, bad.err
    assert are_bad_answers(load), load.account.broken
    assert is_wound_up(slots, "a")


MOVE = """#!/usr/bin/python3
import os, socket, sys
with open("/home/deploy/asked", "a") as file:
    names = ("DIRECTION", "SLOT", "SHARE", "SOCKET", "OTHER_SOCKET", "GENERATION")
    print(*(os.environ["RELSTORE_" + name] for name in names), file=file)
if os.path.exists("/home/deploy/refuse-" + os.environ["RELSTORE_DIRECTION"]):
    sys.exit("the balancer is on holiday")
share = int(os.environ["RELSTORE_SHARE"])
new = os.environ["RELSTORE_SLOT"]
for slot, weight in ((new, share), ("b" if new == "a" else "a", 100 - share)):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("/run/haproxy/admin.sock")
        connection.sendall(f"set server by-slot/{slot} weight {weight}\\n".encode())
        if connection.recv(100).strip():
            sys.exit("no")
"""


@pytest.fixture
def by_command(network: Network, tmp_path: Path) -> Iterator[Deployer]:
    with balanced(network, tmp_path, "by-slot") as deployer:
        (deployer.user.home / "relstore.toml").write_text(
            'cut-over = { command = ["bin/move"] }\nshares = [10, 50]\nwatch = "2s"\ndrain = "5s"\n'
        )
        first = pushed_by_command(deployer, "first")
        assert first.code == 0, first.err
        yield deployer


def release_with_command(deployer: Deployer, version: str, mode: str = "good") -> Path:
    build = release(deployer, version, mode)
    (build / "bin/move").write_text(MOVE)
    (build / "bin/move").chmod(0o755)
    return build


def pushed_by_command(deployer: Deployer, version: str, mode: str = "good", *flags: str) -> Ran:
    return deployer.run("push", release_with_command(deployer, version, mode), *COMMAND_KEYS, *flags)


def asked(deployer: Deployer) -> list[str]:
    lines = deployer.host.run("cat", "/home/deploy/asked").stdout.splitlines()
    deployer.host.run("rm", "/home/deploy/asked")
    return lines


@thorough
def test_shares_by_a_command(by_command: Deployer) -> None:
    slots = by_command
    assert asked(slots) == ["forward a 100 /run/web-a/sock /run/web-b/sock 1"]
    with under_load(slots) as load, counting(slots) as counts:
        second = pushed_by_command(slots, "second")
        assert second.code == 0, second.err
    assert load.account.broken == []
    got = shares(counts, "b")
    assert abs(got["b:10"] - 10) <= 5, counts
    assert abs(got["b:50"] - 50) <= 5, counts
    assert asked(slots) == [f"forward b {share} /run/web-b/sock /run/web-a/sock 2" for share in (10, 50, 100)]
    assert is_wound_up(slots, "b")

    with under_load(slots) as load, counting(slots) as counts:
        bad = pushed_by_command(slots, "third", "turns bad after 40", "--watch", "30s")
        time.sleep(0.5)
    assert bad.code == 3, bad.err
    assert abs(shares(counts, "a")["a:10"] - 10) <= 5, counts
    assert are_bad_answers(load), load.account.broken
    assert [line.split()[:3] for line in asked(slots)] == [["forward", "a", "10"], ["back", "a", "0"]]
    assert is_wound_up(slots, "b")

    slots.host.run("touch", "/home/deploy/refuse-forward")
    with under_load(slots) as load:
        failed = pushed_by_command(slots, "fourth")
    assert failed.code == 1, failed.err
    assert "the cut-over command failed: `bin/move` ended with exit code 1" in failed.err
    assert load.account.broken == []
    assert is_wound_up(slots, "b")


@thorough
@pytest.mark.parametrize("noted", ["b:10", "b:50", "all"])
def test_a_job_that_is_killed_is_undone_by_the_command(by_command: Deployer, noted: str) -> None:
    slots = by_command
    with under_load(slots) as load:
        time.sleep(0.5)
        words = ("push", release_with_command(slots, "second"), *COMMAND_KEYS, "--watch", "6s", "-v")
        with at_share(slots, noted, *words) as client:
            kill_job(slots)
            client.kill()
        asked(slots)
        third = pushed_by_command(slots, "third")
        assert third.code == 0, third.err
    assert load.account.broken == []
    assert asked(slots)[0] == "back b 0 /run/web-b/sock /run/web-a/sock 2"
    assert slots.events()[-3:] == [("interrupted", 2), ("switching", 3), ("active", 3)]
    assert is_wound_up(slots, "b")


@thorough
def test_a_command_that_refuses_the_way_back_keeps_both_slots_until_it_does_not(by_command: Deployer) -> None:
    slots = by_command
    slots.host.run("touch", "/home/deploy/refuse-back")
    with under_load(slots):
        stuck = pushed_by_command(slots, "second", "turns bad after 40", "--watch", "30s")
    assert stuck.code == 7, stuck.err
    assert slots.events()[-1] == ("stuck", 2)
    assert "up to 10 % of the traffic to slot b, so both slots go on to run" in stuck.err
    time.sleep(7)
    wait_for_slots(slots, "ab")
    drift = str(slots.status()["drift"])
    assert "did not take back up to 10 % of the traffic from slot b" in drift
    again = pushed_by_command(slots, "third")
    assert again.code == 1, again.err
    assert "the balancer is on holiday" in again.err
    wait_for_slots(slots, "ab")
    slots.host.run("rm", "/home/deploy/refuse-back")
    restarted = slots.run("restart", *COMMAND_KEYS)
    assert restarted.code == 0, restarted.err
    assert is_wound_up(slots, "b")
