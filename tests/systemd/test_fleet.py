"""Rollouts over hosts with systemd behind one balancer, under load: hosts with slots, and hosts that restart.

The short form: ``make proof-fleet`` has ten hosts, and more ways in which a release is bad.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cut_over_proof.stage import report
from tests.fleet_proof import balancer, story
from tests.fleet_proof.fleet import fleet
from tests.support.haproxy import need_haproxy
from tests.support.hosts.systemd import Network

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(900)]


def test_no_request_fails_in_a_good_rollout_nor_in_one_that_is_stopped(
    network: Network, tmp_path: Path
) -> None:
    need_haproxy()
    with fleet(network, tmp_path / "fleet", slots=2, restarted=2) as at:
        with at.under_load() as load:
            story.good(at)
        assert load.account.count("failed") > 0, "the load does not see restarts that nobody takes out"
        at.balance(balancer.LOOKS_AND_RETRIES)
        with at.under_load() as load:
            story.good(at)
            story.bad_at_one_canary(at)
            story.refused_from_outside(at)
            story.bad_in_a_later_wave(at)
        assert report(at.events, load.account) == []
        assert load.account.broken == [], load.account.reasons()
        assert load.account.asked > 500
        assert set(load.account.releases) >= {"r2", "r3"}
