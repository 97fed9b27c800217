"""No file names the host of a package registry: names of packages are enough, and a mirror may stand for any of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HOSTS = [
    ".".join(labels)
    for labels in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("deb", "debian", "org"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("proxy", "golang", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
    )
]


def named(text: str) -> list[str]:
    return [host for host in HOSTS if host in text.lower()]


def test_no_file_names_one() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout")
    files = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    found = {
        str(path.relative_to(ROOT)): hosts
        for path in files
        if path.is_file() and (hosts := named(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert found == {}


@pytest.mark.parametrize("host", HOSTS)
def test_one_that_is_named_is_seen(host: str) -> None:
    assert host in named(f"see HTTPS://{host.upper()}/simple/")
