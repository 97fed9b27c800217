"""Rollouts whose client dies, waits for a person, or is taken over from: another machine and user go on, over sshds.

The client is killed by itself when its rollout has come so far, so that each kill is at one transition.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.hosts.fleet import FleetHost, fleet
from tests.support.user import TIMEOUT_S, Ran, User, make_site

THOROUGH = os.environ.get("RELSTORE_TEST_THOROUGH") == "1"
BAD_WHERE = 'restart = \'case "$RELSTORE_VAR_MOOD-$(cat "$RELSTORE_PATH/index.html")" in bad-two) echo no; exit 4;; esac\'\n'
"""The release *two* fails on hosts that have this variable."""
DIES = """
import os, signal, sys
from relstore.client.fleet import conductor
at, after = int(sys.argv.pop(1)), sys.argv.pop(1) == "after"
feed = conductor._Conductor._feed
fed = [0]
def counted(self, event):
    fed[0] += 1
    if fed[0] == at and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    feed(self, event)
    if fed[0] == at:
        import asyncio
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGKILL)
conductor._Conductor._feed = counted
from relstore.cli.main import main
main()
"""
"""A client that is killed before, or shortly after, it learns of the event of this number."""


@dataclass(frozen=True)
class Person(User):
    """Somebody with a name, and a machine of their own: another home, and so another state directory."""

    name: str = "ada"

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "LOGNAME": self.name, "USER": self.name}

    def dies(self, at: int, when: str, *arguments: object) -> int:
        """Run until the client is killed, or to its end; its exit code."""
        words = [sys.executable, "-c", DIES, str(at), when, *map(str, arguments)]
        ran = subprocess.run(
            words, env=self.environment, cwd=self.home, capture_output=True, timeout=TIMEOUT_S, check=False
        )
        assert b"Traceback" not in ran.stderr, ran.stderr
        return ran.returncode


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Person:
    home = tmp_path_factory.mktemp("ada") / "home"
    User.create(home)
    return Person(home)


@pytest.fixture(scope="module")
def servers(need_sshd: None, ada: Person) -> Iterator[list[FleetHost]]:
    with fleet(4, ada) as hosts:
        yield hosts


@pytest.fixture
def bob(servers: list[FleetHost], ada: Person, tmp_path: Path) -> Person:
    """On another machine, which has never seen these hosts."""
    home = tmp_path / "bob"
    home.mkdir()
    shutil.copytree(ada.home / ".ssh", home / ".ssh")
    return Person(home, "bob")


@pytest.fixture
def web(servers: list[FleetHost], tmp_path: Path) -> list[FleetHost]:
    """Four hosts whose stores are empty."""
    return [FleetHost(host.name, host.server, tmp_path / host.name) for host in servers]


Configure = Callable[..., Path]


@pytest.fixture
def configure(web: list[FleetHost], tmp_path: Path) -> Configure:
    """Writes relstore.toml; the hosts of ``bad`` have a bad mood."""

    def write(rollout: str = "", *, bad: Sequence[str] = (), top: str = BAD_WHERE) -> Path:
        lines = [
            f'{host.name} = {{ to = "{host.target}", '
            f'vars = {{ MOOD = "{"bad" if host.name in bad else "good"}" }} }}'
            for host in web
        ]
        path = tmp_path / "relstore.toml"
        path.write_text("\n".join([f'app = "site"\n{top}', f"[rollout]\n{rollout}", "[hosts]", *lines, ""]))
        return path

    return write


def go(user: User, config: Path, *words: object) -> Ran:
    return user.run("--config", config, *words)


def status(user: User, config: Path) -> dict[str, Any]:
    document: dict[str, Any] = go(user, config, "rollout", "status", "--json").document
    return document


def events(host: FleetHost, user: User) -> list[str]:
    (log,) = user.does("log", "--to", host.target, "--app", "site", "--json").document["hosts"]
    return [f"{event['event']} {event['generation']}" for event in log["events"]]


def live(web: Sequence[FleetHost]) -> list[str]:
    return [host.live() for host in web]


def let_go(user: User, config: Path) -> None:
    """Until no session of a client that is gone acts for the rollout any more."""
    for _ in range(100):
        if not any(host["is_held"] for host in status(user, config)["hosts"]):
            return
        time.sleep(0.1)
    raise AssertionError("the rollout is still held")


# --- kills -------------------------------------------------------------------------------------------

WAVES = 'waves = ["50%", "100%"]\nmax-parallel = 2'
TRANSITIONS = 16
"""More than a rollout of four hosts in three waves has."""
KILLS = (
    [(at, when) for at in range(1, TRANSITIONS) for when in ("before", "after")]
    if THOROUGH
    else [(6, "before"), (8, "after")]
)


def test_whoever_goes_on_after_a_kill_ends_as_if_nothing_had_happened(
    ada: Person, bob: Person, web: list[FleetHost], configure: Configure, site: Path
) -> None:
    config = configure(WAVES)
    assert go(ada, config, "push", site).code == 0
    killed = 0
    for number, (at, when) in enumerate(KILLS):
        generation = number + 2
        if ada.dies(at, when, "--config", config, "push", make_site(site, f"release {number}")) == 0:
            continue
        killed += 1
        let_go(bob, config)
        seen = status(bob, config)["rollout"]
        if generation not in [host["generation"] for host in status(bob, config)["hosts"]]:
            assert go(bob, config, "push", site).code == 0  # it had not begun: there is nothing to go on with
        elif seen["standing"] == "ended":
            assert seen["state"] == "done"
        else:
            assert seen["standing"] == "interrupted", seen
            ran = go(bob, config, "rollout", "resume", "--json")
            assert ran.code == 0, (at, when, ran.err)
            assert {host["outcome"] for host in ran.document["hosts"]} == {"active"}
            after = status(ada, config)["rollout"]
            assert (after["state"], after["who"].partition("@")[0], after["epoch"]) == (
                "done", "bob", seen["epoch"] + 1,
            )  # fmt: skip
        assert live(web) == [f"release {number}"] * 4, (at, when)
        for host in web:
            of_this = [event for event in events(host, ada) if event.endswith(f" {generation}")]
            assert of_this == [f"switching {generation}", f"active {generation}"], (at, when, host.name)
    assert killed >= (10 if THOROUGH else 2)


BACK = (
    [(at, when) for at in range(6, 14) for when in ("before", "after")]
    if THOROUGH
    else [(8, "after"), (9, "after")]
)


@pytest.mark.parametrize(("at", "when"), BACK)
def test_a_way_back_that_was_cut_off_is_gone_to_its_end(
    ada: Person, bob: Person, web: list[FleetHost], configure: Configure, site: Path, at: int, when: str
) -> None:
    """The third host fails, the first two go back, and the client dies somewhere in that."""
    config = configure("max-parallel = 1", bad=["web3"])
    assert go(ada, config, "push", site).code == 0
    ada.dies(at, when, "--config", config, "push", make_site(site, "two"))
    let_go(bob, config)
    if status(bob, config)["rollout"]["standing"] != "ended":
        ran = go(bob, config, "rollout", "resume", "--json")
        assert ran.code == 3, ran.err
    assert status(bob, config)["rollout"]["state"] == "reverted"
    assert live(web) == ["one"] * 4
    for host in web[:2]:
        assert events(host, ada).count("withdrawn 2") == 1
    assert "switching 2" not in events(web[3], ada)


# --- two at once -------------------------------------------------------------------------------------


def test_a_second_push_is_told_who_is_at_it_and_superseding_fences_the_first(
    ada: Person, bob: Person, web: list[FleetHost], configure: Configure, site: Path, tmp_path: Path
) -> None:
    config = configure('bake = "10m"')
    assert go(ada, config, "push", site, "--bake", "0s").code == 0
    two, three = make_site(tmp_path / "two", "two"), make_site(tmp_path / "three", "three")
    with ada.start("--config", config, "push", two) as first:
        for line in first.stderr or ():
            if "watched" in line:
                break
        assert status(bob, config)["rollout"]["standing"] == "running"
        for words in (["push", three], ["push", three, "--hosts", "web4"], ["rollout", "resume"]):
            refused = go(bob, config, *words)
            assert refused.code == 5, refused.err
            assert "of ada@" in refused.err
            assert "runs" in refused.err
            assert ("wave 1 of 2" in refused.err) == ("web4" not in words), "no keeper knows how far it is"
        assert live(web) == ["two", "one", "one", "one"]
        ran = go(bob, config, "push", three, "--supersede", "--bake", "0s")
        assert ran.code == 0, ran.err
        _, err = first.communicate(timeout=120)
        assert first.returncode == 5, err
    assert "taken over by bob@" in err
    assert live(web) == ["three"] * 4
    listed = go(ada, config, "rollout", "list", "--json").document["rollouts"]
    assert [each["standing"] for each in listed] == ["ended", "taken over", "ended"]


def test_one_that_was_left_stands_in_nobodys_way(
    ada: Person, bob: Person, web: list[FleetHost], configure: Configure, site: Path
) -> None:
    config = configure(WAVES)
    assert go(ada, config, "push", site).code == 0
    assert ada.dies(6, "after", "--config", config, "push", make_site(site, "two")) != 0
    let_go(bob, config)
    assert go(bob, config, "push", site).code == 0
    assert live(web) == ["two"] * 4
    late = go(ada, config, "rollout", "resume")
    assert (late.code, "has ended: done" in late.err) == (1, True)


# --- a person ----------------------------------------------------------------------------------------


def test_a_pause_ends_the_client_and_anybody_promotes(
    ada: Person, bob: Person, web: list[FleetHost], configure: Configure, site: Path
) -> None:
    config = configure('pause = "canary"')
    assert go(ada, config, "push", site, "--pause", "never").code == 0
    ran = go(ada, config, "push", make_site(site, "two"), "--json")
    assert (ran.code, ran.document["rollout"]["ended"]) == (8, "paused"), ran.err
    assert live(web) == ["two", "one", "one", "one"]
    seen = status(bob, config)
    assert (seen["rollout"]["standing"], seen["rollout"]["state"]) == ("waiting", "paused")
    assert [host["runs"] for host in seen["hosts"]] == ["the release", *["as before"] * 3]
    refused = go(bob, config, "push", make_site(site, "three"))
    assert (refused.code, "waits for a person" in refused.err) == (5, True), refused.err
    alone = go(bob, config, "switch-generation", "1", "--hosts", "web1")
    assert (alone.code, "waits for a person" in alone.err) == (5, True), alone.err
    assert go(bob, config, "rollout", "resume").code == 8
    assert go(bob, config, "gc", "--keep", "1").code == 0  # what it goes to is kept
    removed = go(bob, config, "app", "remove", "site", "--yes")
    assert "waits for a person" in removed.err
    ran = go(bob, config, "rollout", "promote")
    assert ran.code == 0, ran.err
    assert live(web) == ["two"] * 4
    assert go(bob, config, "rollout", "promote").code == 1


def test_one_that_is_paused_is_taken_back_or_ended(
    ada: Person, bob: Person, web: list[FleetHost], configure: Configure, site: Path
) -> None:
    config = configure("pause = [1]")
    assert go(ada, config, "push", site, "--pause", "never").code == 0
    assert go(ada, config, "push", make_site(site, "two")).code == 8
    plan = go(bob, config, "rollout", "revert", "--dry-run", "--json").document
    assert [host["back_to"] for host in plan["hosts"]] == [1, None, None, None]
    assert live(web) == ["two", "one", "one", "one"]
    ran = go(bob, config, "rollout", "revert", "--json")
    assert (ran.code, live(web)) == (3, ["one"] * 4), ran.err
    assert [host["outcome"] for host in ran.document["hosts"]] == ["withdrawn", *["skipped"] * 3]
    assert go(ada, config, "push", make_site(site, "three")).code == 8
    assert go(bob, config, "rollout", "abort").code == 0
    assert live(web) == ["three", "one", "one", "one"]
    assert status(ada, config)["rollout"]["state"] == "aborted"
    # One that was ended can still be taken back.
    assert go(bob, config, "rollout", "revert").code == 3
    assert live(web) == ["one"] * 4


def test_one_that_runs_is_asked_to_pause(
    ada: Person, bob: Person, web: list[FleetHost], configure: Configure, site: Path, tmp_path: Path
) -> None:
    """The check lets the first wave bake until bob has asked."""
    (tmp_path / "asked").touch()
    check = f"while ! test -e {tmp_path}/asked; do sleep 0.2; done"
    config = configure(f"check-command = {json.dumps(['sh', '-c', check])}")
    assert go(ada, config, "push", site).code == 0
    assert "does not run" in go(bob, config, "rollout", "pause").err
    (tmp_path / "asked").unlink()
    with ada.start("--config", config, "push", make_site(site, "two")) as first:
        for line in first.stderr or ():
            if "watched" in line:
                break
        asked = go(bob, config, "rollout", "pause")
        assert asked.code == 0, asked.err
        (tmp_path / "asked").touch()
        _, err = first.communicate(timeout=120)
    assert (first.returncode, live(web)) == (8, ["two", "one", "one", "one"]), err


# --- once --------------------------------------------------------------------------------------------


def test_once_runs_once_on_the_first_host_over_kills(
    ada: Person, bob: Person, web: list[FleetHost], configure: Configure, site: Path, tmp_path: Path
) -> None:
    ran_at = tmp_path / "ran"
    command = f'cat index.html >> {ran_at}; echo " $RELSTORE_ROLLOUT" >> {ran_at}; sleep 3'
    config = configure(f"once = {json.dumps(['sh', '-c', command])}")
    assert go(ada, config, "push", site).code == 0
    assert ran_at.read_text().startswith("one 2")
    for at, when in (
        [(5, "after"), (6, "after")]
        if not THOROUGH
        else [(n, w) for n in (5, 6, 7, 8) for w in ("before", "after")]
    ):
        ran_at.unlink()
        assert ada.dies(at, when, "--config", config, "push", make_site(site, f"{at} {when}")) != 0
        let_go(bob, config)
        ran = (
            go(bob, config, "rollout", "resume")
            if status(bob, config)["rollout"]["standing"] == "interrupted"
            else go(bob, config, "push", site)
        )
        assert ran.code == 0, ran.err
        assert len(ran_at.read_text().splitlines()) == 1, (at, when)
        assert live(web) == [f"{at} {when}"] * 4
    first = events(web[0], ada)
    assert first.count("once-began 2") == first.count("once-done 2") == 1
    assert not any("once" in event for event in events(web[1], ada))


def test_a_once_that_fails_switches_nothing_and_one_whose_end_is_not_known_asks(
    ada: Person, bob: Person, web: list[FleetHost], configure: Configure, site: Path, tmp_path: Path
) -> None:
    config = configure('once = "false"')
    assert go(ada, config, "push", site, "--once", "true").code == 0
    ran = go(ada, config, "push", make_site(site, "two"))
    assert (ran.code, live(web)) == (3, ["one"] * 4), ran.err
    assert "the once command failed" in ran.err
    alone = go(ada, config, "push", site, "--hosts", "web1")  # also to a single host
    assert (alone.code, live(web)) == (3, ["one"] * 4), alone.err
    pid = tmp_path / "pid"
    command = f"echo $$ > {pid}; exec sleep 100"
    config = configure(f"once = {json.dumps(['sh', '-c', command])}")
    with ada.start("--config", config, "push", make_site(site, "three")) as first:
        while not (pid.exists() and pid.read_text().strip()):
            time.sleep(0.1)
        first.kill()
        first.communicate()
    # The power fails: nobody writes how it ended.
    group = os.getpgid(int(pid.read_text()))
    parent = int(Path(f"/proc/{pid.read_text().strip()}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(parent, 9)
    os.killpg(group, 9)
    let_go(bob, config)
    ran = go(bob, config, "rollout", "resume")
    assert (ran.code, "--once-again" in ran.err) == (8, True), ran.err
    assert status(ada, config)["rollout"]["state"] == "asking"
    assert live(web) == ["one"] * 4
    assert go(ada, config, "push", site).code == 5
    ran = go(ada, config, "rollout", "resume", "--skip-once")
    assert (ran.code, live(web)) == (0, ["three"] * 4), ran.err
    log = events(web[0], ada)
    assert [event for event in log if event.startswith("once") and event.endswith(" 3")] == [
        "once-began 3", "once-done 3",
    ]  # fmt: skip
