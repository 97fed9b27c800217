"""Rollouts over real sshds: a canary, waves, a limit, and back together; hosts with names, groups and variables."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.hosts.fleet import FleetHost, fleet
from tests.support.user import Ran, User, make_site

BAD_WHERE = 'restart = \'case "$RELSTORE_VAR_MOOD-$(cat "$RELSTORE_PATH/index.html")" in bad-two) echo no; exit 4;; esac\'\n'
"""The release *two* fails on hosts that have this variable."""


@pytest.fixture(scope="module")
def module_user(tmp_path_factory: pytest.TempPathFactory) -> User:
    return User.create(tmp_path_factory.mktemp("rollouts") / "home")


@pytest.fixture(scope="module")
def servers(need_sshd: None, module_user: User) -> Iterator[list[FleetHost]]:
    with fleet(6, module_user) as hosts:
        yield hosts


@pytest.fixture
def web(servers: list[FleetHost], module_user: User, tmp_path: Path) -> list[FleetHost]:
    """Six hosts whose stores are empty."""
    return [FleetHost(host.name, host.server, tmp_path / host.name) for host in servers]


Configure = Callable[..., Path]


@pytest.fixture
def configure(web: list[FleetHost], tmp_path: Path) -> Configure:
    """Writes relstore.toml; the hosts of ``bad`` have a bad mood."""

    def write(
        rollout: str = "",
        *,
        bad: Sequence[str] = (),
        groups: dict[str, list[str]] | None = None,
        top: str = "",
    ) -> Path:
        lines = [
            f'{host.name} = {{ to = "{host.target}", groups = {json.dumps((groups or {}).get(host.name, ["eu"]))}, '
            f'vars = {{ MOOD = "{"bad" if host.name in bad else "good"}" }} }}'
            for host in web
        ]
        text = "\n".join([f'app = "site"\n{top}{BAD_WHERE}', f"[rollout]\n{rollout}", "[hosts]", *lines, ""])
        path = tmp_path / "relstore.toml"
        path.write_text(text)
        return path

    return write


def go(user: User, config: Path, *words: object) -> Ran:
    return user.run("--config", config, *words)


def outcomes(ran: Ran) -> dict[str, str]:
    return {host["name"]: host["outcome"] for host in ran.document["hosts"]}


def events(host: FleetHost, user: User) -> list[dict[str, Any]]:
    (log,) = user.does("log", "--to", host.target, "--json").document["hosts"]
    found: list[dict[str, Any]] = log["events"]
    return found


def test_a_good_release_goes_canary_first_and_then_in_waves(
    module_user: User, web: list[FleetHost], configure: Configure, site: Path, tmp_path: Path
) -> None:
    config = configure('canary = 1\nwaves = ["50%"]\norder = ["web3", "*"]\nbake = "1s"')
    file = tmp_path / "events"
    ran = go(module_user, config, "push", site, "--events", file, "--json")
    assert ran.code == 0, ran.err
    assert ran.document["rollout"]["ended"] == "done"
    assert [host.live() for host in web] == ["one"] * 6
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[0]["event"] == "begun"
    assert lines[0]["hosts"][0] == "web3"
    waves = [line["hosts"] for line in lines if line["event"] == "phase" and line["phase"] == "wave"]
    assert waves == [["web3"], ["web1", "web2"], ["web4", "web5", "web6"]]
    assert lines[-1]["phase"] == "done"
    assert "wave 2 of 3: 2 hosts: web1, web2" in ran.err
    again = go(module_user, config, "push", site)
    assert (again.code, "unchanged" in again.out) == (0, True)


def test_past_the_limit_those_that_were_switched_are_back_and_the_rest_is_untouched(
    module_user: User, web: list[FleetHost], configure: Configure, site: Path
) -> None:
    config = configure('waves = ["50%", "100%"]\nmax-failures = 1', bad=["web2", "web3"])
    assert go(module_user, config, "push", site).code == 0
    ran = go(module_user, config, "push", make_site(site, "two"), "--json")
    assert ran.code == 3, ran.err
    assert outcomes(ran) == {
        "web1": "withdrawn",
        "web2": "rolled-back",
        "web3": "rolled-back",
        "web4": "skipped",
        "web5": "skipped",
        "web6": "skipped",
    }
    assert "2 hosts, same reason: web2, web3" in go_text(module_user, config, site).err
    assert [host.live() for host in web] == ["one"] * 6
    last = events(web[0], module_user)
    assert [event["event"] for event in last[1:4]] == ["active", "switching", "active"]
    withdrawn = [event for event in last if event["event"] == "withdrawn"]
    assert withdrawn[0]["generation"] == 2
    assert "the release failed on 2 hosts; the limit is 1" in withdrawn[0]["reason"]
    assert [event["event"] for event in events(web[5], module_user)] == ["switching", "active"]
    # A good third one: -1 from there leads past what was withdrawn, and so does +1 on the way back.
    assert go(module_user, config, "push", make_site(site, "three")).code == 0
    back = go(module_user, config, "switch-generation", "-1", "--json")
    assert (back.code, {host.live() for host in web}) == (0, {"one"})
    assert go(module_user, config, "switch-generation", "+1").code == 0
    assert {host.live() for host in web} == {"three"}


def go_text(user: User, config: Path, site: Path) -> Ran:
    return go(user, config, "push", site)


def test_a_limit_that_is_not_passed_leaves_the_bad_ones_behind_and_the_same_push_converges(
    module_user: User, web: list[FleetHost], configure: Configure, site: Path
) -> None:
    config = configure("max-failures = 1\nmax-parallel = 6", bad=["web4"])
    assert go(module_user, config, "push", site).code == 0
    ran = go(module_user, config, "push", make_site(site, "two"), "--json")
    assert (ran.code, ran.document["rollout"]["ended"]) == (4, "done")
    assert [host.live() for host in web] == ["two", "two", "two", "one", "two", "two"]
    mended = configure("max-parallel = 6")
    narrowed = go(module_user, mended, "push", site, "--hosts", "failed", "--json")
    assert (narrowed.code, outcomes(narrowed)) == (0, {"web4": "active"})
    assert go(module_user, mended, "push", site).code == 0


def test_a_check_from_outside_that_fails_brings_the_canary_back(
    module_user: User, web: list[FleetHost], configure: Configure, site: Path, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    check = tmp_path / "check"
    check.write_text(f'#!/bin/sh\necho "$RELSTORE_WAVE $RELSTORE_HOSTS" >> {seen}\ntest -e {tmp_path}/well\n')
    check.chmod(0o755)
    (tmp_path / "well").touch()
    config = configure(f'check-command = ["{check}"]')
    config.write_text(
        f'local-on-failure = ["sh", "-c", "echo $RELSTORE_OUTCOME >> {tmp_path}/hook"]\n{config.read_text()}'
    )
    assert go(module_user, config, "push", site).code == 0
    assert not (tmp_path / "hook").exists()
    assert seen.read_text().splitlines() == ["1 web1", "2 web1 web2 web3 web4 web5 web6"]
    (tmp_path / "well").unlink()
    ran = go(module_user, config, "push", make_site(site, "two"))
    assert (ran.code, "check-command: exit code 1" in ran.err) == (3, True)
    assert (tmp_path / "hook").read_text() == "withdrawn\n"
    assert [host.live() for host in web] == ["one"] * 6
    assert [event["event"] for event in events(web[1], module_user)] == ["switching", "active"]


def test_the_way_back_waits_for_whoever_holds_the_lock(
    module_user: User, web: list[FleetHost], configure: Configure, site: Path, tmp_path: Path
) -> None:
    """A job that has just ended does, when it stops its old slot."""
    check = tmp_path / "check"
    lock = web[0].store / "apps/site/lock"
    check.write_text(
        f"#!/bin/sh\ntest -e {tmp_path}/well && exit\n(flock {lock} sleep 4 >/dev/null 2>&1 &)\nsleep 0.2; exit 1\n"
    )
    check.chmod(0o755)
    (tmp_path / "well").touch()
    config = configure(f'check-command = ["{check}"]')
    assert go(module_user, config, "push", site).code == 0
    (tmp_path / "well").unlink()
    ran = go(module_user, config, "push", make_site(site, "two"), "--json")
    assert (ran.code, outcomes(ran)["web1"]) == (3, "withdrawn"), ran.err
    assert "waiting up to 60 s: " in ran.err
    assert [host.live() for host in web] == ["one"] * 6


def test_what_turns_bad_in_the_bake_goes_back_and_what_somebody_switched_is_left(
    module_user: User, web: list[FleetHost], configure: Configure, site: Path, tmp_path: Path
) -> None:
    """The check switches one host to another release, and breaks another one."""
    config = configure()
    assert go(module_user, config, "push", make_site(site, "zero")).code == 0
    assert go(module_user, config, "push", make_site(site, "one")).code == 0
    script = tmp_path / "meddle"
    script.write_text(f"#!/bin/sh\nln -sfn generations/1 {web[0].store}/apps/site/current\n")
    script.chmod(0o755)
    config = configure(f'check-command = ["{script}"]\nbake = "8s"')
    ran = go(module_user, config, "push", make_site(site, "two"), "--json")
    assert ran.code == 4, ran.err
    assert outcomes(ran)["web1"] == "superseded"
    assert [host.live() for host in web] == ["zero", *["one"] * 5]


def test_groups_names_and_a_command_say_which_hosts(
    module_user: User, web: list[FleetHost], configure: Configure, site: Path, tmp_path: Path
) -> None:
    groups = {"web1": ["eu", "canary"], "web2": ["us"]}
    config = configure('canary = "canary"', groups=groups)
    ran = go(module_user, config, "push", site, "--group", "eu", "--hosts", "web1,web2,web3", "--json")
    assert (ran.code, list(outcomes(ran))) == (0, ["web1", "web3"])
    for words, what in (
        (["--hosts", "web9"], "no host 'web9' among the targets"),
        (["--group", "asia"], "no host is in the group 'asia'"),
        (["--group", "us", "--hosts", "web1"], "no host is in all that --hosts and --group name"),
        (["--hosts", "failed"], "no host failed"),
    ):
        refused = go(module_user, config, "push", site, *words)
        assert (refused.code, what in refused.err) == (2, True), refused.err
    table = {host.name: {"to": host.target, "groups": ["all"]} for host in web[:2]}
    (tmp_path / "table.json").write_text(json.dumps(table))
    config.write_text('app = "site"\nhosts-command = ["cat", "table.json"]\n')
    ran = go(module_user, config, "push", site, "--json")
    assert (ran.code, outcomes(ran)) == (0, {"web1": "unchanged", "web2": "active"})
    (tmp_path / "table.json").write_text('{"web1": 5}')
    assert "web1" in go(module_user, config, "status").err


def test_the_plan_of_a_push(
    module_user: User, web: list[FleetHost], configure: Configure, site: Path
) -> None:
    config = configure('waves = ["50%"]\nmax-unreachable = 1')
    assert go(module_user, config, "push", site, "--hosts", "web2").code == 0
    ran = go(module_user, config, "push", site, "--dry-run")
    assert ran.code == 0, ran.err
    assert "wave 1 (canary): 1 host: web1" in ran.out
    assert "wave 2: 2 hosts: web3, web4" in ran.out
    assert "unchanged: 1 host: web2" in ran.out
    plan = go(module_user, config, "push", site, "--dry-run", "--json").document["plan"]
    assert plan["waves"] == [["web1"], ["web3", "web4"], ["web5", "web6"]]
    assert not (web[0].store / "apps").exists()


def test_who_leaves_a_rollout_leaves_the_hosts_to_themselves_and_nothing_else_begins(
    module_user: User, web: list[FleetHost], configure: Configure, site: Path
) -> None:
    config = configure()
    assert go(module_user, config, "push", site).code == 0
    make_site(site, "two")
    with module_user.start("--config", config, "push", site, "--restart", "sleep 6", "--json") as process:
        for line in process.stderr or ():
            if "restarting" in line:
                break
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    hosts = {host["name"]: host for host in json.loads(out)["hosts"]}
    assert hosts["web1"]["error"]["kind"] == "Detached"
    assert [hosts[f"web{number}"]["outcome"] for number in range(2, 7)] == ["skipped"] * 5
    module_user.run("attach", "--to", web[0].target)
    assert [host.live() for host in web] == ["two", *["one"] * 5]
    assert go(module_user, config, "push", site).code == 0
    assert [host.live() for host in web] == ["two"] * 6
