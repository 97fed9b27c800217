"""What Capistrano, Ansistrano and Deployer say of their releases."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.errors import RefusedError
from relstore.formats.adoption import ANSISTRANO, CAPISTRANO, DEPLOYER
from relstore.host.adopt import releases
from relstore.host.adopt.layout import utc
from relstore.host.adopt.releases import Deployed
from tests.support import old_layouts
from tests.support.old_layouts import COMMITS

A, B = COMMITS[:2]


@pytest.mark.parametrize(
    ("parts", "seconds"),
    [
        ((1970, 1, 1, 0, 0, 0), 0),
        ((2000, 2, 29, 23, 59, 59), 951868799),
        ((2021, 3, 1, 12, 0, 0), 1614600000),
        ((2024, 12, 31, 0, 0, 1), 1735603201),
        ((2100, 3, 1, 0, 0, 0), 4107542400),
    ],
)
def test_seconds_of_a_time(parts: tuple[int, int, int, int, int, int], seconds: int) -> None:
    assert utc(*parts) == seconds


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("", {}),
        (
            f"Branch main (at {A}) deployed as release 20210301120000 by ada\n",
            {"20210301120000": Deployed("ada", A, True, 0)},
        ),
        # An abbreviated commit, and none at all, as Capistrano writes them for other kinds of repositories.
        (
            "Branch a (b) c (at ) deployed as release 1 by ada\nBranch x (at 1a2b3c4) deployed as release 2 by bob\n",
            {"1": Deployed("ada", None, True, 0), "2": Deployed("bob", None, True, 0)},
        ),
        # What was rolled back from is not good; what was rolled back to is.
        (
            f"Branch main (at {A}) deployed as release 1 by ada\n"
            f"Branch main (at {B}) deployed as release 2 by ada\nbob rolled back to release 1\n",
            {"1": Deployed("ada", A, True, 0), "2": Deployed("ada", B, False, 0)},
        ),
        ("ada rolled back to release 7\nnonsense\n\x1b[31m\n", {}),
    ],
)
def test_revisions_log(log: str, said: dict[str, Deployed]) -> None:
    assert releases.revisions(log) == said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            '{"created_at":"2023-05-01T10:00:00+0200","release_name":"7","user":"bob","target":"main"}',
            {"7": Deployed("bob", None, False, utc(2023, 5, 1, 8, 0, 0))},
        ),
        (
            '{"created_at": "2023-05-01T10:00:00-03:30", "release_name": "7"}',
            {"7": Deployed("", None, False, utc(2023, 5, 1, 13, 30, 0))},
        ),
        (
            '{"release_name":"8","created_at":"2023-05-01T10:00:00Z"}',
            {"8": Deployed("", None, False, utc(2023, 5, 1, 10, 0, 0))},
        ),
        ("20190101120000,1", {}),
        ("{", {}),
    ],
)
def test_the_log_of_deployer(line: str, said: dict[str, Deployed]) -> None:
    assert releases.deployer_log(line + "\n") == said


def test_capistrano(tmp_path: Path) -> None:
    names = old_layouts.capistrano(tmp_path, count=3, live=2)
    assert releases.kind_of(str(tmp_path)) == CAPISTRANO
    layout = releases.find(str(tmp_path), CAPISTRANO, None)
    assert [release.name for release in layout.releases] == names
    assert layout.running == f"{tmp_path}/releases/{names[1]}"
    assert layout.live == f"{tmp_path}/current"
    assert [release.is_good for release in layout.releases] == [True, True, False]
    assert layout.releases[0][2:5] == (utc(2021, 3, 1, 12, 0, 0), COMMITS[0], "ada")


def test_ansistrano_has_no_log(tmp_path: Path) -> None:
    names = old_layouts.ansistrano(tmp_path)
    assert releases.kind_of(str(tmp_path)) == ANSISTRANO
    layout = releases.find(str(tmp_path), ANSISTRANO, None)
    assert layout.running == f"{tmp_path}/releases/{names[-1]}"
    assert [release.is_good for release in layout.releases] == [False, False]
    assert [release.commit for release in layout.releases] == list(COMMITS[:2])


def test_deployer(tmp_path: Path) -> None:
    old_layouts.deployer(tmp_path)
    assert releases.kind_of(str(tmp_path)) == DEPLOYER
    layout = releases.find(str(tmp_path), DEPLOYER, None)
    assert [bool(release.problem) for release in layout.releases] == [False, True, False, True]
    assert layout.releases[2].who == "bob"


def test_a_link_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    old_layouts.capistrano(tmp_path)
    (tmp_path / "other").symlink_to("shared")
    with pytest.raises(RefusedError, match="no release"):
        releases.find(str(tmp_path), CAPISTRANO, f"{tmp_path}/other")


def test_no_such_layout(tmp_path: Path) -> None:
    assert releases.kind_of(str(tmp_path)) is None
