"""What is refused although a build could hold it."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.client.artifact.scan import scan
from relstore.client.artifact.unfit import check_links, check_top
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
