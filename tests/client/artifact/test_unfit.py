"""What is refused although a build could hold it."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.client.artifact.scan import EVERYTHING, Scan, Selection, scan
from relstore.client.artifact.unfit import check_links
from relstore.client.ignore_patterns import IgnorePatterns
from relstore.client.local_state.cache import Cache
from relstore.client.local_state.scan_cache import ScanCache
from relstore.errors import ArtifactError

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\n"


def checked(artifact: Path, exclude: str = "", allow: str = "") -> Scan:
    def patterns(text: str) -> IgnorePatterns | None:
        return IgnorePatterns.parse(text.split()) if text else None

    return scan(artifact, selection=Selection(patterns(exclude), patterns(allow)))


def write(top: Path, **files: str) -> None:
    for path, text in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)


@pytest.mark.parametrize("directory", ["", "config/", "a/b/c/"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("relstore.toml", "to = 'x'"),
        (".env", "PASSWORD=x"),
        (".env.production", "PASSWORD=x"),
        (".netrc", "machine x"),
        ("id_ed25519", "anything"),
        ("deploy_key", KEY),
        ("server.pem", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n"),
        ("server.pem", "-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n"),
        (
            "haproxy",
            "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n",
        ),
        ("tls.key", "comment\n-----BEGIN EC PRIVATE KEY-----\n"),
        ("backup.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQdG\n"),
        ("web.ppk", "PuTTY-User-Key-File-3: ssh-ed25519\n"),
    ],
)
def test_secrets_are_refused_by_name(tmp_path: Path, directory: str, name: str, text: str) -> None:
    write(tmp_path, **{"index.html": "x", f"{directory}{name}": text})
    with pytest.raises(ArtifactError, match=f"holds {directory}{name}, which every account") as caught:
        checked(tmp_path)
    assert f"--allow-private '{directory}{name}'" in caught.value.hint
    assert f"--exclude '{directory}{name}'" in caught.value.hint
    scan(tmp_path, selection=EVERYTHING)
    checked(tmp_path, allow=name)
    assert f"{directory}{name}" not in [entry.path for entry in checked(tmp_path, name).manifest.entries]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env.example", "PASSWORD="),
        ("ca.pem", "-----BEGIN CERTIFICATE-----\n"),
        ("public.pem", "-----BEGIN PUBLIC KEY-----\n"),
        ("translations.key", "hello = world"),
        (".gitignore", "*"),
        ("environment", "x"),
        ("jose.js", 'if (pem.startsWith("-----BEGIN PRIVATE KEY-----")) {\n'),
        ("keys.py", "HEAD = b'''-----BEGIN RSA PRIVATE KEY-----'''\n"),
        ("large", KEY + "x" * 64 * 1024),
    ],
)
def test_what_only_looks_like_it_passes(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    checked(tmp_path)


def test_a_repository_is_named_once(tmp_path: Path) -> None:
    write(tmp_path, **{".git/config": "x", ".git/id_rsa": "x", ".git.txt": "x", "vendor/t.git/config": "x"})
    write(tmp_path, **{"vendor/tool/.git/relstore.toml": "x"})
    with pytest.raises(ArtifactError, match=r"holds \.git, vendor/tool/\.git, which"):
        checked(tmp_path)
    checked(tmp_path, allow="/.git/ /vendor/tool/")
    checked(tmp_path, allow=".git")
    checked(tmp_path, exclude=".git/")


def test_a_repository_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    write(tmp_path, **{".git/config": "x"})
    (tmp_path / ".git/loop").symlink_to("loop")
    (tmp_path / "gone").write_text("x")
    (tmp_path / "gone").chmod(0)
    with pytest.raises(ArtifactError, match=r"holds \.git, which"):
        checked(tmp_path)


def test_much_is_counted(tmp_path: Path) -> None:
    write(tmp_path, **{f"{number}/.npmrc": "x" for number in range(8)})
    with pytest.raises(ArtifactError, match=r"4/\.npmrc and 3 more, which"):
        checked(tmp_path)


def test_only_what_is_allowed_passes(tmp_path: Path) -> None:
    write(tmp_path, **{"test/server.key": KEY, "server.key": KEY})
    with pytest.raises(ArtifactError, match=r"holds server\.key, which"):
        checked(tmp_path, allow="/test/")
    with pytest.raises(ArtifactError, match=r"holds server\.key, which"):
        checked(tmp_path, allow="*.key !/server.key")


def test_a_key_is_found_whatever_was_remembered(tmp_path: Path) -> None:
    write(tmp_path, **{f"site/{number}": f"{number}" for number in range(300)}, **{"site/key": KEY})
    cache = ScanCache(Cache(tmp_path / "cache"))
    scan(tmp_path / "site", cache, selection=EVERYTHING)
    with pytest.raises(ArtifactError, match="holds key, which"):
        scan(tmp_path / "site", cache, selection=Selection())


def test_a_file_that_was_named_is_meant(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(KEY)
    checked(tmp_path / ".env")


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
