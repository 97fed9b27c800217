"""Every kind of release, deployed over a good one under load: the host ends on a version that runs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.systemd.deployer import Deployer
from tests.systemd.releases import MATRIX, Release

pytestmark = pytest.mark.root

PROMISES = Path(__file__).parents[2] / "docs/promises.md"
TABLE = re.compile(r"(?s)(?<=<!-- matrix -->\n\n).*?(?=\n\n<!-- end of matrix -->)")
WRITE = "RELSTORE_WRITE_MATRIX"
"""Set to 1, the table in docs/promises.md is written instead of compared."""

_rows: dict[str, str] = {}


def row(release: Release, code: int, outcome: str, said: str, serves: str) -> str:
    """What happened, as a line of the table."""
    cells = [release.name, f"`{outcome}`", str(code), said.replace("|", "\\|"), serves]
    return f"| {' | '.join(cells)} |"


def what_was_said(text: str) -> str:
    """The first line of an error or of a reason, without what differs from run to run."""
    line = text.partition("\n")[0]
    line = re.sub(
        r"restarted \d+ times.*", "restarted N times", re.sub(r"within [\d.]+ s", "within N s", line)
    )
    return re.sub(r"for [\d.]+ s of", "for N s of", line)


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
    outcome = events[-1][0] if release.outcome != "refused" else "refused"
    said = deployer.last_reason() if outcome != "refused" else ran.err.partition("run it: ")[2]
    which = "the new one" if serves == release.name else "the previous one"
    _rows[release.name] = row(release, ran.code, outcome, what_was_said(said) or "-", which)
    failed = sum(request.body == "-" for request in requests)
    print(f"{release.name}: {failed} of {len(requests)} requests failed")
    again = deployer.push("good", "again")
    assert again.code == 0, again.err
    assert deployer.serves() == "again"


def test_the_table_in_the_promises_is_what_happened() -> None:
    if set(_rows) != {release.name for release in MATRIX}:
        pytest.skip("not all releases of the matrix were deployed in this run")
    head = "| the release | recorded as | exit code | because | what serves then |\n| --- | --- | --- | --- | --- |"
    table = "\n".join([head, *(_rows[release.name] for release in MATRIX)])
    text = PROMISES.read_text()
    if os.environ.get(WRITE) == "1":
        PROMISES.write_text(TABLE.sub(lambda _: table, text))
        return
    found = TABLE.search(text)
    assert found is not None
    assert found[0] == table
