"""Several people at once: pushes of different builds, of the same build, and a collector among them."""

from __future__ import annotations

from pathlib import Path

from tests.support.host_state import problems, wait_for_jobs
from tests.support.user import TIMEOUT_S, User, make_site


def test_pushes_of_different_builds_get_a_number_each(user: User, tmp_path: Path) -> None:
    store = tmp_path / "store"
    sites = [make_site(tmp_path / f"site{number}", str(number)) for number in range(5)]
    clients = [
        user.start("push", site, "--app", "web", "--to", store, "--no-switch", "--json") for site in sites
    ]
    said = [client.communicate(timeout=TIMEOUT_S) for client in clients]
    assert [client.returncode for client in clients] == [0] * 5, said
    listed = user.does("list-generations", "--to", store, "--json").document["hosts"][0]["generations"]
    assert [row["number"] for row in listed] == [1, 2, 3, 4, 5]
    assert len({row["build"] for row in listed}) == 5
    assert problems(store) == []
    assert not list((store / "leases").iterdir())
    assert not list((store / "staging").iterdir())


def test_pushes_of_the_same_build_do_not_hurt_each_other(user: User, tmp_path: Path) -> None:
    store = tmp_path / "store"
    site = make_site(tmp_path / "site", "same")
    clients = [user.start("push", site, "--to", store) for _ in range(4)]
    codes = []
    for client in clients:
        _out, err = client.communicate(timeout=TIMEOUT_S)
        codes.append(client.returncode)
        assert client.returncode in (0, 5), err
    assert 0 in codes
    wait_for_jobs(store, "site")
    assert (store / "apps/site/current/index.html").read_text() == "same"
    assert len(list((store / "builds").iterdir())) == 1
    assert problems(store) == []
    user.does("push", site, "--to", store)


def test_collections_among_pushes(user: User, tmp_path: Path) -> None:
    store = tmp_path / "store"
    user.does("push", make_site(tmp_path / "site", "0"), "--to", store)
    for version in range(1, 6):
        push = user.start("push", make_site(tmp_path / "site", str(version)), "--to", store)
        collect = user.start("gc", "--keep", "1", "--to", store)
        for client in (push, collect):
            out, err = client.communicate(timeout=TIMEOUT_S)
            assert client.returncode == 0, out + err
        assert (store / "apps/site/current/index.html").read_text() == str(version)
        assert problems(store) == []
