"""What ``status`` says of a unit that was changed since the last activation."""

from __future__ import annotations

import pytest

from tests.systemd.deployer import Deployer

pytestmark = pytest.mark.root

UNIT = "/etc/systemd/system/web.service"


def test_a_unit_that_was_edited_shows_until_systemd_has_read_it(deployer: Deployer) -> None:
    assert deployer.push("good", "first").code == 0
    assert deployer.status()["drift"] is None
    deployer.host.run("sh", "-c", f"sleep 1.1; echo '# edited' >> {UNIT}")
    drift = str(deployer.status()["drift"])
    assert "the files of the unit web.service have changed since systemd read them" in drift
    assert "Run `systemctl daemon-reload` there." in drift
    assert "  drift        the files of the unit" in deployer.does("status", "--app", "web").out
    deployer.host.run("systemctl", "daemon-reload")
    assert deployer.status()["drift"] is None


def test_a_unit_that_runs_something_else_now_shows(deployer: Deployer) -> None:
    assert deployer.push("good", "first").code == 0
    deployer.host.run("sed", "-i", "s:apps/web/current:elsewhere:", UNIT)
    deployer.host.run("systemctl", "daemon-reload")
    assert "the unit web.service does not run /srv/web/apps/web/current/" in str(deployer.status()["drift"])
    deployer.host.run("rm", UNIT)
    deployer.host.run("systemctl", "daemon-reload")
    assert "web.service" in str(deployer.status()["drift"])
