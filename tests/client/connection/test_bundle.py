"""The bundle: the same bytes everywhere, and nothing in it that a host may lack."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import msgpack
import vendored

import relstore
from relstore.client.connection.bundle import bundle

PRINT_DIGEST = "from relstore.client.connection.bundle import bundle; print(bundle().digest)"


def test_its_name_is_its_digest() -> None:
    assert bundle().digest == hashlib.sha256(bundle().data).hexdigest()


def test_another_time_umask_and_place_give_the_same_bytes(tmp_path: Path) -> None:
    packages = Path(relstore.__file__).parent
    copy = tmp_path / "elsewhere"
    before = os.umask(0o077)
    try:
        shutil.copytree(packages, copy / "relstore", copy_function=shutil.copyfile)
    finally:
        os.umask(before)
    for path in copy.rglob("*.py"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    environment = {**os.environ, "PYTHONPATH": str(copy), "TZ": "Pacific/Auckland", "LC_ALL": "C"}
    found = subprocess.run(
        [sys.executable, "-c", PRINT_DIGEST],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.strip() == bundle().digest


def test_what_is_in_it() -> None:
    with zipfile.ZipFile(io.BytesIO(bundle().data)) as archive:
        names = archive.namelist()
        listed = archive.read("FILES").decode().splitlines()
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert listed == sorted(name for name in names if name != "FILES")
    assert {name.split("/")[0] for name in names} == {"FILES", "__main__.py", "msgpack", "relstore"}
    assert not [name for name in names if "/client/" in name or "/cli/" in name]
    ours = Path(relstore.__file__).parent
    for package in relstore.HOST_PACKAGES:
        for source in (ours / package).rglob("*.py"):
            assert f"relstore/{source.relative_to(ours)}" in names


def test_msgpack_is_as_its_digests_say() -> None:
    """``tests/packaging/test_vendored.py`` holds those to the release."""
    with zipfile.ZipFile(io.BytesIO(bundle().data)) as archive:
        sent = {
            name: hashlib.sha256(archive.read(name)).hexdigest()
            for name in archive.namelist()
            if name.startswith("msgpack/")
        }
    listed = vendored.digests(Path(relstore.__file__).parents[1])
    sources = {path: digest for path, digest in listed.items() if path.endswith(".py")}
    assert sources
    assert sent == {path.removeprefix("relstore/vendored/"): digest for path, digest in sources.items()}


def test_what_is_installed_here_never_reaches_a_host(tmp_path: Path) -> None:
    installed = Path(msgpack.__file__).parent
    shutil.copytree(installed, tmp_path / "msgpack")
    with (tmp_path / "msgpack" / "fallback.py").open("a") as file:
        file.write("raise SystemExit('a trap')\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(relstore.__file__).parent.parent}"}
    printed = subprocess.run(
        [sys.executable, "-c", PRINT_DIGEST],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert printed.stdout.strip() == bundle().digest
