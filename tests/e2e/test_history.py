"""The page of ``relstore history``, from real stores."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.user import User

BREAKS = "! grep -q 2 $RELSTORE_PATH/page"


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    return User.create(tmp_path_factory.mktemp("history") / "home")


@pytest.fixture(scope="module")
def store(user: User) -> Path:
    """Two apps, one of which has a release that failed."""
    place = user.home.parent / "store"
    page = user.home / "page"
    for app, text, restart in (("web", "1", "true"), ("web", "2", BREAKS), ("jobs", "1", "true")):
        page.write_text(text)
        user.run("push", page, "--to", place, "--app", app, "--restart", restart, "-m", f"<b>{app} {text}")
    return place


def test_all_apps_are_on_the_page(user: User, store: Path, tmp_path: Path) -> None:
    ran = user.does("history", "--html", "page.html", "--to", store, cwd=tmp_path)
    page = (tmp_path / "page.html").read_text()
    assert ran.out == f"page.html: 2 apps on 1 host, {len(page.encode()) / 1000:.1f} kB\n"
    assert page.index("<h2>jobs</h2>") < page.index("<h2>web</h2>")
    assert "&lt;b&gt;web 2" in page
    assert "<b>" not in page
    assert page.count('<span class="badge bad">rolled-back</span>') == 1
    assert "ended with exit code 1" in page
    assert os.listdir(tmp_path) == ["page.html"]


def test_one_app_in_json(user: User, store: Path, tmp_path: Path) -> None:
    words = ("history", "--html", tmp_path / "page.html", "--app", "web", "--to", store)
    document = user.does(*words, "--json").document
    assert document["file"] == str(tmp_path / "page.html")
    assert document["hosts"] == [
        {
            "target": str(store),
            "environment": None,
            "apps": [{"app": "web", "current": 1, "generations": 2, "activations": 2, "failures": 1}],
        }
    ]
    assert "<h2>jobs</h2>" not in (tmp_path / "page.html").read_text()
    assert user.does(*words, "--quiet").out == ""


def test_standard_output_has_the_page_alone(user: User, store: Path) -> None:
    ran = user.does("history", "--html", "-", "--to", store, "-n", "1")
    assert ran.out.startswith("<!doctype html>\n<html")
    assert ran.out.endswith("</html>\n")
    assert ran.out.isascii()
    assert "the newest 1 of 2" in ran.out


def test_a_host_that_does_not_answer_is_on_the_page(user: User, store: Path, tmp_path: Path) -> None:
    words = ("history", "--html", tmp_path / "page.html", "--to", store, "--to", tmp_path / "none")
    ran = user.run(*words)
    assert ran.code == 4
    assert "there is no store" in ran.err
    page = (tmp_path / "page.html").read_text()
    assert "Hosts that did not answer" in page
    assert "<h2>web</h2>" in page


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        ([], 2, "missing option '--html'"),
        (["--html", "."], 2, "is a directory"),
        (["--html", "missing/page.html"], 2, "there is no directory"),
        (["--html", "-", "--json"], 2, "both need standard output"),
        (["--html", "page.html", "-n", "0"], 2, "0"),
        (["--html", "page.html", "--all-envs"], 2, "Leave one out"),
        (["--html", "page.html", "--app", "other"], 1, "there is no app"),
    ],
)
def test_nothing_is_written(
    words: list[str], code: int, what: str, user: User, store: Path, tmp_path: Path
) -> None:
    ran = user.run("history", *words, "--to", store, cwd=tmp_path)
    assert (ran.code, what in ran.err + ran.out) == (code, True)
    assert os.listdir(tmp_path) == []


def test_every_environment_is_on_one_page(user: User, store: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    words = ("history", "--html", "page.html", "--all-envs")
    assert "there is no relstore.toml" in user.run(*words, cwd=work).err
    config = work / "relstore.toml"
    config.write_text(f'app = "web"\nto = "{store}"\n')
    assert "has no environments" in user.run(*words, cwd=work).err
    config.write_text(
        f'app = "web"\n[env.live]\nto = "{store}"\n[env.tests.hosts]\nnone = "{tmp_path / "none"}"\n'
    )
    ran = user.run(*words, "--json", cwd=work)
    assert ran.code == 4
    (host,) = ran.document["hosts"]
    (failed,) = ran.document["failed"]
    assert (host["environment"], failed["error"]["kind"]) == ("live", "NoStore")
    page = (work / "page.html").read_text()
    assert "<h3>web on this machine (live)</h3>" in page
    assert "there is no store" in page


def test_every_environment_is_narrowed_as_one_is(user: User, store: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "relstore.toml").write_text(
        f"""
        app = "web"
        [env.live.hosts]
        one = {{ to = "{store}", groups = ["eu"] }}
        other = "{tmp_path / "none"}"
        [env.tests.hosts]
        none = "{tmp_path / "none"}"
        """
    )
    words = ("history", "--html", "page.html", "--all-envs", "--json")
    for narrow in (["--host", "one"], ["--host", str(store)], ["--group", "eu"]):
        ran = user.does(*words, *narrow, cwd=work)
        (host,) = ran.document["hosts"]
        assert (host["environment"], host["target"]) == ("live", str(store))
    ran = user.run(*words, "--host", "one,none", cwd=work)
    assert [len(ran.document[part]) for part in ("hosts", "failed")] == [1, 1]
    (work / "page.html").unlink()
    for narrow, words_of_it in (
        (["--host", "three"], "no host 'three' among the targets"),
        (["--group", "us"], "no host is in the group 'us'"),
        (["--host", "none", "--group", "eu"], "no host is in all"),
        (["--host", "failed"], "no host failed in the last rollout"),
    ):
        ran = user.run(*words, *narrow, cwd=work)
        assert (ran.code, words_of_it in ran.out) == (2, True), ran.out
    assert not (work / "page.html").exists()
