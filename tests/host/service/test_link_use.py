"""Whether a unit leads through the app's link, by whichever path."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.host.service import link_use

LINK = "/srv/web/apps/web/current"


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (
            f"{{ path={LINK}/bin/web ; argv[]={LINK}/bin/web --port 80 ; ignore_errors=no }}",
            ["bin/web", "bin/web"],
        ),
        (f"/bin/sh -c 'exec {LINK}/run'", ["run"]),
        (f"{LINK}", [""]),
        (f"ROOT={LINK}:/usr", [""]),
        (f'"{LINK}/a" {LINK}/b', ["a", "b"]),
        (f"{LINK}ly/bin/web", []),
        ("/srv/web/apps/other/current/bin/web", []),
        ("/srv/web/apps/web/../web/current/x", ["x"]),
        ("apps/web/current/x", []),
        ("", []),
    ],
)
def test_the_paths_that_lead_through_it(text: str, paths: list[str]) -> None:
    assert list(link_use.paths_through(text, LINK)) == paths
    assert link_use.goes_through(text, LINK) is bool(paths) or f"{LINK}ly" in text


@pytest.mark.parametrize(
    ("symlinks", "path", "paths"),
    [
        ({"bin/web": "{store}/apps/web/current/bin/web"}, "bin/web", ["bin/web"]),
        ({"bin/web": "../store/apps/web/current/web"}, "bin/web", ["web"]),
        ({"live": "store/apps/web/current"}, "live/bin/web", ["bin/web"]),
        ({"live": "store/apps/web/current"}, "live", [""]),
        ({"live": "second", "second": "store/apps/web/current"}, "live/web", ["web"]),
        ({"live": "store/apps/web/current"}, "bin/../live/./web", ["web"]),
        ({"live": "store/apps/web/generations/1"}, "live/web", []),
        ({"live": "store/apps/api/current"}, "live/web", []),
        ({"loop": "loop"}, "loop/web", []),
        ({}, "bin/web", []),
    ],
)
def test_symlinks_elsewhere_that_lead_through_it(
    symlinks: dict[str, str], path: str, paths: list[str], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    for app in ("web", "api"):
        (store / "apps" / app / "generations").mkdir(parents=True)
        (store / "apps" / app / "current").symlink_to("generations/1")
    (tmp_path / "bin").mkdir()
    for name, target in symlinks.items():
        (tmp_path / name).symlink_to(target.format(store=store))
    text = f"{{ path={tmp_path}/{path} ; ignore_errors=no }}"
    assert list(link_use.paths_through(text, f"{store}/apps/web/current")) == paths


@pytest.mark.parametrize("is_there", [True, False])
def test_a_store_behind_a_link_is_the_same_store(is_there: bool, tmp_path: Path) -> None:
    (tmp_path / "data/apps").mkdir(parents=True)
    (tmp_path / "web").symlink_to("data")
    if is_there:
        (tmp_path / "data/apps/web").mkdir()
    link = f"{tmp_path}/data/apps/web/current"
    assert link_use.goes_through(f"{{ path={tmp_path}/web/apps/web/current/bin/web ; }}", link)
    assert not link_use.goes_through(f"{{ path={tmp_path}/web/apps/api/current/bin/web ; }}", link)
