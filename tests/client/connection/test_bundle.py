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


# Modules of the standard library that Debian's python3-minimal does not have (libpython3.11-minimal), of
# those that one might be tempted to import. ctypes is optional: without it every file is fsynced.
MISSING = (
    "asyncio", "concurrent", "ctypes", "dataclasses", "decimal", "email", "html", "http", "json", "logging",
    "multiprocessing", "queue", "secrets", "shlex", "shutil", "smtplib", "sqlite3", "statistics", "tarfile",
    "tomllib", "unittest", "urllib", "uuid", "xml",
)  # fmt: skip
BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Block())
sys.path.insert(0, sys.argv[1])
import pkgutil, importlib, relstore, relstore.remote_helper
for name in relstore.HOST_PACKAGES:
    package = importlib.import_module("relstore." + name)
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
from relstore.store.durable import load_syncfs
assert load_syncfs("6.1.0") is None
print("all imported")
"""


def test_it_needs_nothing_that_a_minimal_python_lacks(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle().data)
    code = BLOCKED.replace("{missing!r}", repr(set(MISSING)))
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert found.stdout == "all imported\n", found.stderr
