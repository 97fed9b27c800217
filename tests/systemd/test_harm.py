"""Releases and hooks that harm the host or the job: the host ends on the previous release (``harm.py``)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.hosts.systemd import Network
from tests.systemd import harm

pytestmark = [pytest.mark.root, pytest.mark.slow]


@pytest.mark.parametrize("name", harm.CASES)
def test_the_host_ends_on_the_previous_release(name: str, network: Network, tmp_path: Path) -> None:
    case, unit_flags = harm.CASES[name]
    with harm.account_at(network, tmp_path, "10.99.3.1", *unit_flags) as account:
        assert list(harm.rounds(case, account, 1)) == []


def test_a_link_and_a_restart_by_hand_do_not(network: Network, tmp_path: Path) -> None:
    """The check itself can fail."""
    with harm.account_at(network, tmp_path, "10.99.3.1") as account:
        assert list(harm.rounds(harm.by_hand, account, 1)) != []
