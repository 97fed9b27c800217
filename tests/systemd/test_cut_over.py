"""A new release without a failed request: two slots, a front that connects to ``live``, and load meanwhile."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.hosts.systemd import Network, SystemdHost
from tests.support.user import Ran
from tests.systemd.deployer import Deployer
from tests.systemd.steps import caught

pytestmark = pytest.mark.root

THOROUGH = os.environ.get("RELSTORE_TEST_THOROUGH") == "1"
SERVICE = Path(__file__).with_name("slot_service.py")
KEYS = (
    "--app", "web", "--unit", "web@", "--http", "http://localhost/health", "--health-interval", "100ms",
    "--health-stable", "500ms", "--health-timeout", "5s", "--watch", "1s", "--drain", "10s",
    "--become", "sudo",
)  # fmt: skip

LOAD = """
import json, socket, sys, threading, time
address = sys.argv[1]
end = threading.Event()
asked, failed, cut, bodies, closed = 0, [], [], {}, 0
lock = threading.Lock()

def ask(connection, path, close):
    connection.sendall(b"GET %s HTTP/1.1\\r\\nHost: web\\r\\n%s\\r\\n" % (path, b"Connection: close\\r\\n" if close else b""))
    data = b""
    while b"\\r\\n\\r\\n" not in data:
        more = connection.recv(4096)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\\r\\n\\r\\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\\r\\n")[0])
    while len(body) < length:
        more = connection.recv(4096)
        if not more:
            raise OSError("cut")
        body += more
    return int(head.split()[1]), body.decode()

def note(path, began, answer, problem=""):
    global asked
    with lock:
        asked += 1
        if answer and answer[0] == 200:
            bodies[answer[1]] = bodies.get(answer[1], 0) + 1
        else:
            failed.append((round(began, 2), path.decode(), problem or str(answer)))

def fresh(path, pause):
    while not end.is_set():
        began = time.time()
        try:
            with socket.create_connection((address, int(sys.argv[2])), timeout=30) as connection:
                note(path, began, ask(connection, path, True), "closed without an answer")
        except OSError as error:
            note(path, began, None, repr(error))
        time.sleep(pause)

def kept(pause):
    global closed
    while not end.is_set():
        try:
            with socket.create_connection((address, int(sys.argv[2])), timeout=30) as connection:
                count = 0
                while not end.is_set():
                    began = time.time()
                    answer = ask(connection, b"/", False)
                    if answer is None and count:
                        closed += 1  # an idle connection was closed before the request: to be sent again
                        break
                    note(b"/", began, answer)
                    count += 1
                    time.sleep(pause)
        except OSError as error:
            note(b"/kept", time.time(), None, repr(error))

threads = [threading.Thread(target=fresh, args=arguments, daemon=True) for arguments in
           ((b"/", 0.01), (b"/", 0.01), (b"/slow", 0.05), (b"/slow", 0.05), (b"/long", 0.1), (b"/long", 0.1))]
threads += [threading.Thread(target=kept, args=(pause,), daemon=True) for pause in (0.01, 0.05, 2.5)]
for thread in threads:
    thread.start()
sys.stdin.read()
end.set()
for thread in threads:
    thread.join(30)
print(json.dumps([asked, failed, bodies, closed]))
"""


class Load:
    """What the callers saw."""

    asked = 0
    failed: list[list[object]]
    bodies: dict[str, int]
    closed = 0


@contextmanager
def under_load(deployer: Deployer, port: int = 80) -> Iterator[Load]:
    """People with new, busy, idle and slow connections call the front all the time."""
    load = Load()
    words = [*deployer.host.network.prefix, sys.executable, "-c", LOAD, deployer.host.address, str(port)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as caller:
        try:
            yield load
        finally:
            out, _ = caller.communicate("", timeout=60)
            load.asked, load.failed, load.bodies, load.closed = json.loads(out)


def release(deployer: Deployer, version: str, mode: str = "good") -> Path:
    build = deployer.user.home / "release"
    (build / "bin").mkdir(parents=True, exist_ok=True)
    (build / "bin/web").write_bytes(SERVICE.read_bytes())
    (build / "bin/web").chmod(0o755)
    (build / "version").write_text(version)
    (build / "mode").write_text(mode)
    return build


def push(deployer: Deployer, version: str, mode: str = "good", *flags: str) -> Ran:
    return deployer.run("push", release(deployer, version, mode), *KEYS, *flags)


def install(deployer: Deployer, *words: str) -> list[str]:
    """As root, put what ``relstore unit`` prints in place; the names of the files."""
    printed = deployer.does("unit", *words).out
    files = re.split(r"(?m)^# (\S+\.(?:service|socket))\n", printed)
    names = files[1::2] or ["relstore-recover.service"]
    for name, text in zip(names, files[2::2] or files, strict=True):
        deployer.host.run("sh", "-c", f"cat > /etc/systemd/system/{name}", input=text)
    deployer.host.run("systemctl", "daemon-reload")
    return names


@pytest.fixture
def slots(network: Network, tmp_path: Path) -> Iterator[Deployer]:
    """An ordinary account with exactly the printed rule, at a host with the printed units: a template, and
    systemd's proxy before it."""
    host = SystemdHost.start(tmp_path, network, "web1", "10.99.1.1")
    try:
        host.wait_running()
        host.run("install", "-d", "-o", "deploy", "-g", "deploy", "/srv/web")
        deployer = Deployer.at(host, tmp_path / "home", "deploy")
        rule = deployer.does("sudoers", "--unit", "web@").out
        host.run("sh", "-c", "umask 337; cat > /etc/sudoers.d/relstore", input=rule)
        host.run("visudo", "-cf", "/etc/sudoers.d/relstore")
        names = install(
            deployer, "bin/web", "--app", "web", "--drain", "10s", "--name", "web@", "--front", "80"
        )
        assert names == ["web@.service", "web.socket", "web.service"]
        host.run("systemctl", "enable", "--quiet", "web@a", "web@b")
        host.run("systemctl", "enable", "--quiet", "--now", "web.socket")
        first = push(deployer, "first")
        assert first.code == 0, first.err
        yield deployer
    finally:
        host.stop()


def wait_for_one_slot(deployer: Deployer) -> str:
    """The slot that is left, when the other one has been stopped and none is kept."""
    deadline = time.monotonic() + 40
    while True:
        found = deployer.host.run("ls", "/srv/web/apps/web/slots").stdout.split()
        if len(found) == 1:
            return found[0]
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def roles(status: dict[str, object]) -> dict[str, str]:
    return {slot["name"]: slot["role"] for slot in status["slots"]}  # type: ignore[attr-defined]


def live(deployer: Deployer) -> str:
    return deployer.host.run("readlink", "/srv/web/apps/web/live").stdout.strip()


def test_a_push_and_the_way_back_fail_no_request(slots: Deployer) -> None:
    with under_load(slots) as load:
        time.sleep(1)
        second = push(slots, "second")
        assert second.code == 0, second.err
        status = slots.status()
        assert [(unit["name"], unit["runs"], unit["state"]) for unit in status["units"]] == [  # type: ignore[attr-defined]
            ("web@a.service", 1, "active (running)"),
            ("web@b.service", 2, "active (running)"),
        ]
        assert roles(status) == {"a": "draining", "b": "live"}
        assert (status["job"], status["drift"]) == (None, None)
        shown = slots.does("status", "--app", "web").out
        assert re.search(r"slot a +generation 1, draining for \d+ s, \d+ connections? left\n", shown), shown
        assert re.search(r"slot b +generation 2, live, web@b\.service active, \d+ connections?\n", shown), (
            shown
        )
        time.sleep(1)
        back = slots.run("switch-generation", "-1", *KEYS)
        assert back.code == 0, back.err
        time.sleep(1)
    assert load.failed == []
    assert load.asked > 500
    assert load.bodies["second"] > 100
    assert wait_for_one_slot(slots) == "a"
    assert live(slots) == "/run/web-a/sock"
    assert slots.status()["drift"] is None
    events = slots.events()
    unchanged = push(slots, "first")
    assert unchanged.code == 0, unchanged.err
    assert slots.events() == events
    restarted = slots.run("restart", *KEYS)
    assert restarted.code == 0, restarted.err
    assert wait_for_one_slot(slots) == "b"
    slots.host.run("systemctl", "stop", "web@b")
    dead = push(slots, "first")
    assert dead.code == 3, dead.err


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("answers 500", "status 500"),
        ("exits at once", "web@b.service"),
        ("crashes after 1 s", "web@b.service"),
        ("never listens", "not healthy within 5 s"),
        ("answers the wrong body", "does not match"),
    ][: None if THOROUGH else 3],
)
def test_a_release_that_fails_its_check_is_reached_by_nobody(slots: Deployer, mode: str, says: str) -> None:
    with under_load(slots) as load:
        time.sleep(0.5)
        ran = push(slots, "second", mode, "--http-body", "first|second", "--health-stable", "2s")
        time.sleep(0.5)
    assert (ran.code, load.failed) == (3, []), ran.err
    assert says in ran.err
    assert "no request reached it" in ran.err
    assert set(load.bodies) == {"first"}
    assert wait_for_one_slot(slots) == "a"
    assert live(slots) == "/run/web-a/sock"


def test_one_that_turns_bad_with_the_traffic_loses_it_at_once(slots: Deployer) -> None:
    with under_load(slots) as load:
        time.sleep(0.5)
        ran = push(slots, "second", "turns bad", "--watch", "10s")
        time.sleep(1)
    assert ran.code == 3, ran.err
    times = [float(str(failure[0])) for failure in load.failed]
    assert max(times) - min(times) < 2 + 4  # requests of 4 s may have begun before
    assert wait_for_one_slot(slots) == "a"


def test_a_standby_is_gone_back_to_without_a_start(slots: Deployer) -> None:
    second = push(slots, "second", "good", "--standby", "--drain", "2s")
    assert second.code == 0, second.err
    time.sleep(4)
    assert roles(slots.status()) == {"a": "standby", "b": "live"}
    with under_load(slots) as load:
        time.sleep(0.5)
        back = slots.run("switch-generation", "-1", *KEYS, "--standby")
        time.sleep(0.5)
    assert back.code == 0, back.err
    assert "starting generation" not in back.err
    assert load.failed == []
    third = push(slots, "third", "good", "--standby")
    assert third.code == 0, third.err
    assert slots.host.run("cat", "/srv/web/apps/web/slots/b/version").stdout == "third"
    fourth = push(slots, "fourth", "good", "--no-standby")
    assert fourth.code == 0, fourth.err
    assert wait_for_one_slot(slots) == "a"


STEPS = ("starting", "checking", "watching", "confirming") if THOROUGH else ("checking", "watching")
"""All of them: make proof-cut-over."""
SLOW = ("-v", "--health-stable", "2s", "--watch", "2s", "--confirm", "20s")


def slow_push(slots: Deployer) -> tuple[object, ...]:
    return ("push", release(slots, "second"), *KEYS, *SLOW)


@pytest.mark.parametrize("step", STEPS)
def test_a_job_that_is_killed_is_undone_and_no_request_fails(slots: Deployer, step: str) -> None:
    with under_load(slots) as load:
        time.sleep(0.5)
        with caught(slots, step, *slow_push(slots)) as client:
            slots.host.run("pkill", "-KILL", "-f", " job /srv/web web ", check=False)
            client.kill()
        third = push(slots, "third")
        assert third.code == 0, third.err
        time.sleep(1)
    assert load.failed == []
    assert load.bodies["third"] > 20
    assert slots.events()[-3:] == [("interrupted", 2), ("switching", 3), ("active", 3)]
    wait_for_one_slot(slots)
    assert slots.host.run("sh", "-c", "cat /srv/web/apps/web/slots/*/version").stdout == "third"


@pytest.mark.parametrize("step", STEPS)
def test_after_a_power_cut_one_slot_serves_and_the_other_is_gone(slots: Deployer, step: str) -> None:
    install(slots, "--recover")
    slots.host.run("systemctl", "enable", "--quiet", "relstore-recover")
    with caught(slots, step, *slow_push(slots)) as client:
        slots.host.power_cut()
        client.kill()
    slots.host.boot()
    slots.host.wait_running()
    assert wait_for_one_slot(slots) == "a"
    assert live(slots) == "/run/web-a/sock"
    assert slots.events()[-1] == ("interrupted", 2)
    with under_load(slots) as load:
        time.sleep(1)
    assert load.failed == []
