"""The client is killed, or the network swallows everything, at each step: the host ends it by itself.

Whatever it ends on runs, and ``attach`` and ``log`` tell what the host recorded.
"""

from __future__ import annotations

import pytest

from tests.support.user import TIMEOUT_S
from tests.systemd.deployer import Deployer
from tests.systemd.steps import SLOW, STEPS, UPLOAD, big_release, caught, events, wait_for_outcome

pytestmark = [pytest.mark.root, pytest.mark.slow]

FIRST = [("switching", 1), ("active", 1)]


@pytest.mark.parametrize("step", STEPS)
def test_the_client_is_killed(step: str, deployer: Deployer) -> None:
    assert deployer.push("good", "first").code == 0
    with caught(deployer, step, *deployer.words("good", "second", *SLOW)) as client:
        client.kill()
    # Nobody is there to confirm it, unless that had been done already.
    outcome = wait_for_outcome(deployer, 2)
    assert outcome == "rolled-back" or step == "confirming"
    serves = deployer.serves()
    assert serves == ("second" if outcome == "active" else "first")
    attached = deployer.run("attach", "--app", "web")
    assert attached.code == (0 if outcome == "active" else 3)
    assert (
        "is active" if outcome == "active" else "nobody came back to confirm"
    ) in attached.out + attached.err
    assert deployer.events() == [*FIRST, ("switching", 2), (outcome, 2)]
    assert deployer.push("good", "third").code == 0
    assert deployer.serves() == "third"


@pytest.mark.parametrize("step", ["accepted", "checking"])
def test_without_confirmation_nobody_is_needed(step: str, deployer: Deployer) -> None:
    assert deployer.push("good", "first").code == 0
    with caught(deployer, step, *deployer.words("good", "second", "-v")) as client:
        client.kill()
    assert wait_for_outcome(deployer, 2) == "active"
    assert deployer.serves() == "second"
    assert "generation 2 is active" in deployer.run("attach", "--app", "web").out


def test_a_bad_release_returns_without_anybody(deployer: Deployer) -> None:
    assert deployer.push("good", "first").code == 0
    with caught(
        deployer, "checking", *deployer.words("answers 500", "second", "-v", "--health-timeout", "4s")
    ) as client:
        client.kill()
    assert wait_for_outcome(deployer, 2) == "rolled-back"
    assert deployer.serves() == "first"
    attached = deployer.run("attach", "--app", "web")
    assert attached.code == 3
    assert "status 500" in attached.err


@pytest.mark.parametrize("how", ["killed", "black-holed"])
def test_in_the_upload_nothing_has_happened_yet(how: str, deployer: Deployer) -> None:
    assert deployer.push("good", "first").code == 0
    words = big_release(deployer, deployer.words("good", "second"))
    with caught(deployer, UPLOAD, *words) as client:
        if how == "black-holed":
            deployer.host.network.cut(deployer.host)
        client.kill()
    deployer.host.network.join(deployer.host)
    assert events(deployer) == FIRST
    assert deployer.serves() == "first"
    again = deployer.run(*words)
    assert again.code == 0, again.err
    assert deployer.serves() == "second"


@pytest.mark.parametrize("step", STEPS[:-1])
def test_the_network_swallows_everything(step: str, deployer: Deployer) -> None:
    """The client comes back, and reports what the host recorded: here, that nobody confirmed it."""
    assert deployer.push("good", "first").code == 0
    network, host = deployer.host.network, deployer.host
    with caught(deployer, step, *deployer.words("good", "second", *SLOW)) as client:
        network.cut(host)
        assert wait_for_outcome(deployer, 2) == "rolled-back"
        assert deployer.serves() == "first"
        network.join(host)
        _out, err = client.communicate(timeout=TIMEOUT_S)
    assert client.returncode == 3, err
    assert "nobody came back to confirm it within 2 s" in err
    assert deployer.events() == [*FIRST, ("switching", 2), ("rolled-back", 2)]


def test_a_network_that_comes_back_in_time_confirms_it(deployer: Deployer) -> None:
    assert deployer.push("good", "first").code == 0
    network, host = deployer.host.network, deployer.host
    words = deployer.words("good", "second", *SLOW, "--confirm", "40s")
    with caught(deployer, "checking", *words) as client:
        network.cut(host)
        # Long enough to be in the middle of the confirmation.
        host.run("sleep", "3")
        network.join(host)
        _out, err = client.communicate(timeout=TIMEOUT_S)
    assert client.returncode == 0, err
    assert deployer.serves() == "second"


def test_a_release_that_cuts_the_host_off_does_not_stay(deployer: Deployer) -> None:
    """What confirm is for: the release is healthy, but it took sshd down with it."""
    assert deployer.push("good", "first").code == 0
    ran = deployer.push(
        "good", "second", "--confirm", "4s", "--health-command", "systemctl stop ssh.service ssh.socket; true",
        "--on-failure", "systemctl start ssh.service",
    )  # fmt: skip
    assert ran.code == 3, ran.err
    assert deployer.serves() == "first"
