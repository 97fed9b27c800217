"""Every kind of release, deployed over a good one under load: the host ends on a version that runs."""

from __future__ import annotations

import pytest

from tests.systemd.deployer import Deployer
from tests.systemd.releases import MATRIX, Release

pytestmark = pytest.mark.root


@pytest.mark.parametrize("release", MATRIX, ids=lambda release: release.name)
def test_a_release(release: Release, deployer: Deployer) -> None:
    first = deployer.push("good", "first")
    assert first.code == 0, first.err
    with deployer.under_load() as requests:
        ran = deployer.push(release.name, release.name, *release.flags)
        serves = deployer.serves()
    assert ran.code == release.code, ran.err
    assert release.says in ran.out + ran.err
    assert serves == (release.name if release.outcome == "active" else "first")
    events = deployer.events()
    if release.outcome == "refused":
        assert events == [("switching", 1), ("active", 1)]
    else:
        assert events[-1] == (release.outcome, 2)
    if release.outcome not in ("active", "refused"):
        assert release.says in deployer.last_reason()
        # A failure never counts: there is still nothing before the first to go back to.
        assert deployer.run("rollback", "--app", "web").code == 1
    failed = sum(request.body == "-" for request in requests)
    print(f"{release.name}: {failed} of {len(requests)} requests failed")
    again = deployer.push("good", "again")
    assert again.code == 0, again.err
    assert deployer.serves() == "again"
