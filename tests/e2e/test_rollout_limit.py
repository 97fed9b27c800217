"""Three bad hosts among many real sshds, and a limit of one: all that were switched go back, the rest is untouched.

`make test` has ten hosts, `make proof-fleet` forty as well. Not for other ways in which a rollout ends (``test_rollouts``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from relstore.formats.journal import Journal
from tests.support.hosts.fleet import FleetHost, fleet
from tests.support.user import Ran, User, make_site

THOROUGH = os.environ.get("RELSTORE_TEST_THOROUGH") == "1"
_CONFIG = """\
app = "site"
health-command = 'test "$RELSTORE_VAR_MOOD-$(cat "$RELSTORE_PATH/index.html")" != bad-two'
health-timeout = "1s"
health-interval = "100ms"
health-stable = "0s"

[rollout]
canary = 1
waves = ["10%", "50%", "100%"]
max-failures = 1

[hosts]
"""
_FIRST_AT_ONCE = 10
"""The helper is new to each host in its first push, which a small machine does for few of them at once."""
FIRST = [("switching", 1), ("active", 1)]
BACK = [*FIRST, ("switching", 2), ("active", 2), ("switching", 1), ("active", 1), ("withdrawn", 2)]
FAILED = [*FIRST, ("switching", 2), ("rolled-back", 2)]


@dataclass(frozen=True)
class Case:
    """So many hosts. ``bad``: on which the release *two* is not healthy; two of them are in one wave."""

    hosts: int
    bad: tuple[str, ...]
    begun: int
    """So many hosts are in the waves up to that one."""


CASES = (
    Case(10, ("web3", "web5", "web9"), 5),
    pytest.param(
        Case(40, ("web7", "web9", "web30"), 20),
        marks=pytest.mark.skipif(not THOROUGH, reason="the long form"),
    ),
)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.hosts} hosts")
def test_past_the_limit_whoever_was_switched_is_back_and_the_rest_is_untouched(
    case: Case, need_sshd: None, tmp_path: Path
) -> None:
    user = User.create(tmp_path / "home")
    site = tmp_path / "site"
    with fleet(case.hosts, user) as hosts:
        config = tmp_path / "relstore.toml"

        def go(*words: object) -> Ran:
            return user.run("--config", config, *words)

        config.write_text(_config(hosts, case.bad))
        make_site(site, "one")
        for number in range(0, case.hosts, _FIRST_AT_ONCE):
            names = ",".join(host.name for host in hosts[number : number + _FIRST_AT_ONCE])
            first = go("push", site, "--hosts", names)
            assert first.code == 0, first.err
        ran = go("push", make_site(site, "two"), "--json")
        assert ran.code == 3, ran.err

        begun = [host.name for host in hosts[: case.begun]]
        failed = [name for name in begun if name in case.bad]
        expected = {
            host.name: "rolled-back"
            if host.name in failed
            else "withdrawn"
            if host.name in begun
            else "skipped"
            for host in hosts
        }
        assert {host["name"]: host["outcome"] for host in ran.document["hosts"]} == expected
        assert len(failed) == 2
        assert ran.document["rollout"]["ended"] == "reverted"
        assert {host.live() for host in hosts} == {"one"}
        assert {host.name: recorded(host) for host in hosts} == {
            name: {"withdrawn": BACK, "rolled-back": FAILED, "skipped": FIRST}[outcome]
            for name, outcome in expected.items()
        }

        # What has nothing to do asks every host whether it is healthy.
        again = go("push", make_site(site, "one"), "--json")
        assert (again.code, {host["outcome"] for host in again.document["hosts"]}) == (0, {"unchanged"})
        # Generation 2 is no place to go to, neither forward now nor back from the next one.
        onward = go("switch-generation", "+1")
        assert (onward.code, {host.live() for host in hosts}) == (3, {"one"}), onward.err
        third = go("push", make_site(site, "three"))
        assert third.code == 0, third.err
        back = go("switch-generation", "-1")
        assert (back.code, {host.live() for host in hosts}) == (0, {"one"}), back.err
        forward = go("switch-generation", "+1")
        assert (forward.code, {host.live() for host in hosts}) == (0, {"three"}), forward.err


def _config(hosts: Sequence[FleetHost], bad: Sequence[str]) -> str:
    lines = (
        f'{host.name} = {{ to = "{host.target}", vars = {{ MOOD = "{"bad" if host.name in bad else "good"}" }} }}\n'
        for host in hosts
    )
    return _CONFIG + "".join(lines)


def recorded(host: FleetHost) -> list[tuple[str, int]]:
    """The journal, as it lies there."""
    journal = Journal.parse((host.store / "apps/site/journal").read_bytes())
    return [(event.event, event.generation) for event in journal.events]
