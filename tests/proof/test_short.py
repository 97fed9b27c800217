"""A part of each proof, for every run of the tests; ``make proof`` runs all of it."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest

from tests.proof import (
    every_call,
    full_disk,
    hostile_bytes,
    hostile_client,
    hostile_host,
    neighbour,
    older,
    other_accounts,
    power_loss,
    races,
    state_machine,
    surroundings,
    taken_leases,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


MOST = {
    every_call: 24,
    power_loss: 20,
    races: 6,
    state_machine: 6,
    full_disk: None,
    hostile_bytes: 200,
    hostile_client: 10,
    hostile_host: 20,
    neighbour: 20,
    older: 3,
    other_accounts: 6,
    surroundings: 6,
    taken_leases: 5,
}
CONTROLS = {
    every_call: 2,
    power_loss: 2,
    races: 1,
    hostile_bytes: 3,
    hostile_client: 2,
    hostile_host: 2,
    neighbour: 2,
    other_accounts: 2,
    surroundings: 2,
    taken_leases: 1,
}


@pytest.mark.parametrize("proof", MOST, ids=lambda proof: proof.__name__.rpartition(".")[2])
def test_a_part_of_it(proof: ModuleType, tmp_path: Path) -> None:
    why = proof.missing()
    if why:
        # On some machines not even root may mount; but what CI installs must be there.
        assert "strace" not in why or os.environ.get("RELSTORE_REQUIRE_SSHD") != "1", why
        pytest.skip(why)
    tallies = list(proof.prove(tmp_path, MOST[proof]))
    assert [violation for tally in tallies for violation in tally.violations] == []
    assert [tally for tally in tallies if not tally.holds] == []
    assert sum(len(tally.caught) for tally in tallies) >= CONTROLS.get(proof, 0)
