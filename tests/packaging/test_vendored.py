"""What other people wrote and every host runs is as they released it, and nothing is built of anything else."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
import vendored

ROOT = Path(__file__).parents[2]
KNOWN = "fbdd050b00bcc5247d44bec929e33e8917775eb3754d14853a42c03568ae3a84"
"""The SHA-256 of packaging/vendored.sha256: who changes the list and the files changes this as well."""


def test_it_is_as_the_list_says() -> None:
    assert vendored.differences(ROOT) == []


def test_the_list_is_the_known_one() -> None:
    assert hashlib.sha256((ROOT / vendored.LIST).read_bytes()).hexdigest() == KNOWN


def test_the_list_is_that_of_the_release() -> None:
    bundled = vendored.msgpack(ROOT)
    released = distribution("msgpack")
    if released.version != bundled.version:
        pytest.skip(f"msgpack {released.version} is installed, and {bundled.version} is bundled")
    for path, digest in bundled.files.items():
        if path.endswith(".py"):
            source = released.locate_file(path.removeprefix("relstore/vendored/"))
            assert hashlib.sha256(Path(str(source)).read_bytes()).hexdigest() == digest, path


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What a build reads."""
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "relstore", root / "relstore", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("packaging", "docs"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, root / name)
    return root


def test_a_changed_missing_or_added_file_is_named(copy: Path) -> None:
    folder = copy / vendored.FOLDER / "msgpack"
    with (folder / "ext.py").open("a") as file:
        file.write("# changed\n")
    (folder / "exceptions.py").unlink()
    (folder / "more.py").touch()
    names = ("exceptions.py", "ext.py", "more.py")
    assert vendored.differences(copy) == [f"relstore/vendored/msgpack/{name}" for name in names]


@pytest.mark.parametrize("target", ["wheel", "sdist"])
def test_nothing_is_built_of_a_changed_one(target: str, copy: Path) -> None:
    with (copy / vendored.FOLDER / "msgpack" / "fallback.py").open("a") as file:
        file.write("# changed\n")
    words = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", "made"]
    pure = {**os.environ, "RELSTORE_PURE": "1"}
    ran = subprocess.run(words, cwd=copy, env=pure, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "not as packaging/vendored.sha256 says: relstore/vendored/msgpack/fallback.py" in ran.stderr
    assert not list(copy.glob("made/*.*"))
