"""The job, or everything on the host at once, is killed at each step: after recovery the promises hold."""

from __future__ import annotations

import os

import pytest

from tests.systemd.deployer import Deployer
from tests.systemd.steps import SLOW, STEPS, caught, events

pytestmark = [pytest.mark.root, pytest.mark.slow]

FIRST = [("switching", 1), ("active", 1)]


def check_promises(deployer: Deployer) -> None:
    """P1: the link leads to a whole build; P3: the record and the link say the same; nothing is damaged."""
    deployer.does("verify")
    current = os.readlink(deployer.host.root_path / "srv/web/apps/web/current")
    status = deployer.status()
    assert isinstance(status["current"], dict)
    assert current == f"generations/{status['current']['number']}"
    assert status["unresolved"] is False
    assert deployer.serves() == {1: "first", 2: "second", 3: "third"}[status["current"]["number"]]
    recorded = [number for kind, number in events(deployer) if kind in ("active", "rolled-back")]
    assert recorded


@pytest.mark.parametrize("step", STEPS)
def test_the_job_is_killed(step: str, deployer: Deployer) -> None:
    assert deployer.push("good", "first").code == 0
    with caught(deployer, step, *deployer.words("good", "second", *SLOW)) as client:
        client.kill()
        deployer.host.run("pkill", "-KILL", "-f", " job /srv/web web ", check=False)
    assert deployer.serves() in ("first", "second")
    # The next command finishes or undoes it: a deployer is there, so it counts as confirmed.
    again = deployer.run("switch-generation", "2", "--app", "web", "--unit", "web")
    assert again.code == 0, again.err
    assert deployer.serves() == "second"
    assert events(deployer)[-1] == ("active", 2)
    check_promises(deployer)


@pytest.mark.parametrize("step", STEPS)
def test_the_power_is_cut(step: str, deployer: Deployer) -> None:
    assert deployer.push("good", "first").code == 0
    deployer.host.run("systemctl", "enable", "-q", "web.service")
    with caught(deployer, step, *deployer.words("good", "second", *SLOW)) as client:
        deployer.host.power_cut()
        client.kill()
    deployer.host.boot()
    deployer.host.wait_running()
    assert deployer.serves() in ("first", "second")
    again = deployer.push("good", "third")
    assert again.code == 0, again.err
    assert deployer.serves() == "third"
    check_promises(deployer)


def test_at_boot_what_nobody_confirmed_is_undone(deployer: Deployer) -> None:
    assert deployer.push("good", "first").code == 0
    deployer.host.run("systemctl", "enable", "-q", "web.service")
    deployer.does("unit", "--recover", "--install")
    with caught(
        deployer, "confirming", *deployer.words("good", "second", *SLOW, "--confirm", "60s")
    ) as client:
        client.kill()
        deployer.host.power_cut()
    deployer.host.boot()
    deployer.host.wait_running()
    kind, number = events(deployer)[-1]
    # The push may have confirmed it in the instant before the cut.
    assert (kind, number) in (("rolled-back", 2), ("active", 2))
    assert deployer.serves() == ("first" if kind == "rolled-back" else "second")
    check_promises(deployer)


def test_killed_in_the_recovery_the_next_one_does_the_same(deployer: Deployer) -> None:
    assert deployer.push("good", "first").code == 0
    with caught(deployer, "checking", *deployer.words("good", "second", *SLOW)) as client:
        client.kill()
        deployer.host.run("pkill", "-KILL", "-f", " job /srv/web web ", check=False)
    for _ in range(3):
        with caught(deployer, "accepted", "switch-generation", "2", "--app", "web", "-v") as client:
            client.kill()
            deployer.host.run("pkill", "-KILL", "-f", " job /srv/web web ", check=False)
    assert deployer.run("switch-generation", "2", "--app", "web").code == 0
    assert events(deployer) == [*FIRST, ("switching", 2), ("active", 2)]
    check_promises(deployer)
