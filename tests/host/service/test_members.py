"""Which units are judged for a target, a socket or a timer."""

from __future__ import annotations

import pytest

from relstore.formats.names import UnitName
from relstore.host.service.members import expand
from relstore.host.service.systemd import UnitState

LINK = "/srv/web/apps/web/current"
UNITS = {
    "web.service": f"ExecStart={{ path={LINK}/bin/web ; }}\nWants=db.service\n",
    "worker.service": f"ExecStart={{ path={LINK}/bin/worker ; }}\n",
    "db.service": "ExecStart={ path=/usr/bin/db ; }\n",
    "web.target": "Wants=worker.service db.service network.target\nConsistsOf=web.service\n",
    "all.target": "ConsistsOf=web.target\nWants=round.target\n",
    "round.target": "ConsistsOf=round.target worker.service\nRequires=round.target\n",
    "web.socket": "Triggers=web.service\n",
    "many.target": f"Wants={' '.join(f's{number}.service' for number in range(500))}\n",
}


def state(unit: str) -> UnitState:
    return UnitState.parse(UNITS.get(unit, ""))


@pytest.mark.parametrize(
    ("unit", "members"),
    [
        ("web.service", ["web.service!"]),
        ("web.target", ["web.target!", "web.service!", "worker.service!-", "db.service-"]),
        ("all.target", ["all.target!", "web.target", "web.service!", "worker.service!-", "db.service-"]),
        ("round.target", ["round.target!", "worker.service!"]),
        ("web.socket", ["web.socket!", "web.service-"]),
    ],
)
def test_the_units_behind_one(unit: str, members: list[str]) -> None:
    """``!``: it must run the release; ``-``: it is not restarted with its unit."""
    found = expand([UnitName(unit)], state, LINK)
    assert [f"{each.unit}{'!' * each.must_run}{'-' * (not each.restarted)}" for each in found] == members


def test_there_is_an_end_to_them() -> None:
    assert len(expand([UnitName("many.target")], state, LINK)) <= 64
