"""What is left to do once units are installed."""

from __future__ import annotations

import pytest

from relstore.client.after_install import steps
from relstore.formats.cut_over import LINK, NONE, CutOver
from relstore.formats.names import AppName, TemplateName

SLOTS = CutOver(TemplateName.parse("web@"), LINK, "/run/web-{slot}/sock", 60, False, 10_000)
WORKERS = SLOTS._replace(way=NONE, socket="")
FRONT = ["web@.service", "web.socket", "web.service"]
PORTS = ["web@.service", "web-port@.socket", "web-port@.service"]


@pytest.mark.parametrize(
    ("names", "cut_over", "user", "sudo", "left"),
    [
        (["web.service"], None, False, True, []),
        (["web@.service"], WORKERS, False, False, []),
        (FRONT, SLOTS, False, False, ["systemctl enable --now web.socket"]),
        (FRONT, SLOTS, False, True, ["sudo systemctl enable --now web.socket"]),
        (FRONT, SLOTS, True, True, ["systemctl --user enable --now web.socket"]),
        (["web@.service"], SLOTS, False, True, ["Let what stands in front of the app connect to /srv/web/apps/web/live."]),
        (PORTS, SLOTS, False, True, ["Let what stands in front of the app connect to /srv/web/apps/web/live."]),
    ],
)  # fmt: skip
def test_what_is_left_to_do(
    names: list[str], cut_over: CutOver | None, user: bool, sudo: bool, left: list[str]
) -> None:
    assert steps(names, cut_over, AppName("web"), "/srv/web", user=user, sudo=sudo) == left
