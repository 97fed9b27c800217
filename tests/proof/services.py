"""P2: a release or a hook that fills the disk, locks the job out, or prints without end: the host goes back.

On a host with a real systemd, as an ordinary account with the printed sudo rule (``tests.systemd.harm``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tests.proof.tally import Tally
from tests.support.hosts.systemd import Network, why_no_systemd_hosts
from tests.systemd import harm

ROUNDS = 20


def missing() -> str:
    """Why this proof cannot run here, or an empty text."""
    return why_no_systemd_hosts() if os.geteuid() == 0 else "hosts with systemd need root"


def prove(directory: Path, most: int | None) -> Iterator[Tally]:
    """``most``: rounds of each."""
    with Network() as network:
        for number, (name, (case, unit_flags)) in enumerate(harm.CASES.items(), 1):
            tally = Tally(name, ROUNDS if most is None else min(most, ROUNDS))
            place = directory / str(number)
            place.mkdir()
            with harm.account_at(network, place, f"10.99.3.{number}", *unit_flags) as account:
                tally.violations += harm.rounds(case, account, tally.cases)
                if case is harm.fills_the_disk:
                    tally.control("a link and a restart by hand", list(harm.by_hand(account)))
            yield tally
