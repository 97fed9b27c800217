"""Several targets: uploads side by side, activation one after the other, a stop at the first failure."""

from __future__ import annotations

import os
from pathlib import Path

from tests.e2e.user import User, make_site


def targets(*stores: Path) -> list[object]:
    return [word for store in stores for word in ("--to", store)]


def test_all_go_well(user: User, site: Path, tmp_path: Path) -> None:
    stores = [tmp_path / name for name in ("a", "b", "c")]
    ran = user.does("push", site, *targets(*stores))
    assert [line.split()[1] for line in ran.out.splitlines()] == ["outcome", "active", "active", "active"]
    for store in stores:
        assert os.readlink(store / "apps/site/current") == "generations/1"
    assert len(user.does("status", *targets(*stores), "--json").document["hosts"]) == 3


def test_an_upload_that_fails_stops_everything_before_any_activation(
    user: User, site: Path, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    bad.mkdir()
    (bad / "something").write_text("else")
    ran = user.run("push", site, *targets(good, bad), "--json")
    assert ran.code == 4
    first, second = ran.document["hosts"]
    assert (first["outcome"], second["outcome"]) == ("skipped", "error")
    assert "is not a store" in second["error"]["what"]
    assert not os.path.lexists(good / "apps/site/current")
    again = user.does("push", site, "--to", good)
    assert "generation 1 is active" in again.out


def test_an_activation_that_fails_stops_the_rest(user: User, site: Path, tmp_path: Path) -> None:
    stores = [tmp_path / name for name in ("a", "b", "c")]
    user.does("push", site, *targets(*stores))
    make_site(site, "two")
    fails_on_b = f'case "$RELSTORE_PATH" in {stores[1]}/*) grep -q one "$RELSTORE_PATH/index.html";; esac'
    ran = user.run("push", site, *targets(*stores), "--restart", fails_on_b, "--json")
    assert ran.code == 4
    assert [host["outcome"] for host in ran.document["hosts"]] == ["active", "rolled-back", "skipped"]
    links = [os.readlink(store / "apps/site/current") for store in stores]
    assert links == ["generations/2", "generations/1", "generations/1"]


def test_a_switch_that_fails_stops_the_rest(user: User, site: Path, tmp_path: Path) -> None:
    stores = [tmp_path / name for name in ("a", "b", "c")]
    user.does("push", site, *targets(*stores))
    make_site(site, "two")
    user.does("push", site, *targets(*stores))
    fails_on_b = f'case "$RELSTORE_PATH" in {stores[1]}/*) grep -q two "$RELSTORE_PATH/index.html";; esac'
    ran = user.run("rollback", *targets(*stores), "--restart", fails_on_b, "--json")
    assert ran.code == 4
    assert [host["outcome"] for host in ran.document["hosts"]] == ["active", "rolled-back", "skipped"]
    links = [os.readlink(store / "apps/site/current") for store in stores]
    assert links == ["generations/1", "generations/2", "generations/2"]


def test_a_document_names_the_hosts_that_did_not_answer(user: User, site: Path, tmp_path: Path) -> None:
    good, missing = tmp_path / "good", tmp_path / "missing"
    user.does("push", site, "--to", good)
    ran = user.run("list-generations", *targets(good, missing), "--json")
    assert ran.code == 4
    assert [host["target"] for host in ran.document["hosts"]] == [str(good)]
    (failure,) = ran.document["failed"]
    assert failure["target"] == str(missing)
    assert failure["error"]["kind"] == "NoStore"


def test_a_failed_switch_names_its_host(user: User, site: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    for content in ("one", "two"):
        make_site(site, content)
        user.does("push", site, "--to", store)
    ran = user.run("rollback", "--to", store, "--restart", "false")
    assert ran.code == 3
    assert "error: this machine: generation 1 failed" in ran.err
