"""What is refused although a build could hold it."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.client.artifact.scan import scan
from relstore.client.artifact.unfit import below_top, check_links, check_top
from relstore.errors import ArtifactError

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("relstore.toml", "to = 'x'"),
        (".env", "PASSWORD=x"),
        (".env.production", "PASSWORD=x"),
        ("id_ed25519", KEY),
        ("server.pem", "-----BEGIN RSA PRIVATE KEY-----\n"),
        ("tls.key", "comment\n-----BEGIN PRIVATE KEY-----\n"),
        (".netrc", "machine x"),
    ],
)
def test_a_project_with_secrets_is_refused_by_name(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "index.html").write_text("x")
    (tmp_path / name).write_text(text)
    with pytest.raises(ArtifactError, match=f"holds {name}, which every account") as caught:
        check_top(tmp_path)
    assert "--include-everything" in caught.value.hint


def test_a_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".env").write_text("x")
    with pytest.raises(ArtifactError, match=r"holds \.env, \.git, which"):
        check_top(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env.example", "PASSWORD="),
        ("ca.pem", "-----BEGIN CERTIFICATE-----\n"),
        ("translations.key", "hello = world"),
        (".gitignore", "*"),
        ("environment", "x"),
    ],
)
def test_what_only_looks_like_it_passes(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    check_top(tmp_path)


def test_what_is_below_the_top_is_named_and_stops_nothing(tmp_path: Path) -> None:
    for path, text in (
        ("config/.env", "PASSWORD=x"),
        ("config/.env.example", "PASSWORD="),
        ("lib/ca.pem", "-----BEGIN CERTIFICATE-----\n"),
        ("lib/test/server.key", KEY),
        ("vendor/tool/.git/config", "x"),
        ("vendor/tool/.git/id_rsa", KEY),
        ("vendor/tool.git/config", "x"),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    check_top(tmp_path)
    said = below_top(scan(tmp_path))
    assert "holds config/.env, lib/test/server.key, vendor/tool/.git, which every account" in said
    assert "--include-everything" in said


def test_much_is_counted(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}/.npmrc").write_text("x")
    assert "4/.npmrc and 3 more, which" in below_top(scan(tmp_path))


def test_a_tree_without_any_is_not_talked_of(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/page").write_text("x")
    assert below_top(scan(tmp_path)) == ""
    (tmp_path / ".env").write_text("x")
    assert below_top(scan(tmp_path / ".env")) == ""


def test_a_file_that_was_named_is_meant(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("x")
    check_top(tmp_path / ".env")


def test_of_a_chain_the_link_that_leads_out_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("c")
    (tmp_path / "c").symlink_to("/etc/passwd")
    with pytest.raises(ArtifactError, match="'c' -> '/etc/passwd' leads out"):
        check_links(scan(tmp_path).manifest)


def test_links_that_stay_inside_pass(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").write_text("x")
    check_links(scan(tmp_path).manifest)
