"""relstore on the hosts of Debian's suites, each with its own systemd, OpenSSH and python3-minimal.

Those of two suites by default, the ones that differ most from Debian 12; ``make suites`` runs all of them.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.support.hosts import suites
from tests.support.hosts.base_tree import BaseTree
from tests.support.hosts.systemd import Network, SystemdHost
from tests.systemd import suite_story
from tests.systemd.suite_table import FAILED, documented

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(900)]

CHOSEN = os.environ.get("RELSTORE_SUITES", "bullseye trixie").split()
RESULTS = os.environ.get("RELSTORE_SUITE_RESULTS")
"""The directory for what happened, which ``tests.systemd.suite_table`` reads."""


def versions(host: SystemdHost) -> dict[str, str]:
    """What the host runs, by the names in the table."""
    return {
        "systemd": host.run("systemctl", "--version").stdout.split()[1],
        "Python": host.run("python3", "-V").stdout.split()[1],
        "OpenSSH": host.run("/usr/sbin/sshd", "-V", check=False)
        .stderr.partition("OpenSSH_")[2]
        .split()[0]
        .rstrip(","),
        "sudo": host.run("sudo", "-V").stdout.split()[2],
    }


def tree_of(suite: str) -> Path:
    """Skip where it cannot be made; fail instead where RELSTORE_REQUIRE_SUITES says so."""
    try:
        return suites.tree(suite)
    except suites.NoTreeError as error:
        if os.environ.get("RELSTORE_REQUIRE_SUITES") == "1":
            pytest.fail(f"{suite}: {error}")
        pytest.skip(f"{suite}: {error}")


@pytest.mark.parametrize("suite", CHOSEN)
def test_an_ordinary_account_does_everything(suite: str, network: Network, tmp_path: Path) -> None:
    base = BaseTree(tree_of(suite))
    host = SystemdHost.start(tmp_path, network, suite, f"10.99.2.{suites.SUITES.index(suite) + 1}", base=base)
    happened: dict[str, str] = {}
    try:
        host.wait_running()
        happened |= versions(host)
        story = suite_story.prepare(host, tmp_path / "home")
        for name, step in suite_story.STEPS.items():
            began = time.monotonic()
            happened[name] = FAILED
            happened[name] = step(story)
            assert story.deployer.serves() == story.serves, name
            print(f"{suite}: {name}: {happened[name]} ({time.monotonic() - began:.1f} s)")
    finally:
        host.stop()
        if RESULTS:
            (Path(RESULTS) / suite).write_text(json.dumps(happened))
    if not RESULTS:
        shown = documented(suite)
        assert {name: shown.get(name) for name in suite_story.STEPS} == {
            name: happened[name] for name in suite_story.STEPS
        }, "run `make suites`"


def test_without_a_mirror_they_are_skipped_unless_required(
    monkeypatch: pytest.MonkeyPatch, network: Network, tmp_path: Path
) -> None:
    monkeypatch.setenv(suites.MIRROR, "http://127.0.0.1:9/debian")
    monkeypatch.setenv(suites.TREES, str(tmp_path))
    monkeypatch.setattr(suites, "ATTEMPTS", 1)
    monkeypatch.delenv("RELSTORE_REQUIRE_SUITES", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"bullseye: no http.*/dists/bullseye/InRelease"):
        tree_of("bullseye")
    monkeypatch.setenv("RELSTORE_REQUIRE_SUITES", "1")
    with pytest.raises(pytest.fail.Exception, match="bullseye: no http"):
        tree_of("bullseye")
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
