"""A wheel and an sdist, built here: the same bytes each time, and a package that runs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import hatch_metadata
import pytest

import relstore
from tests.support.matcher import needs_matcher

ROOT = Path(__file__).parents[2]
HOME = "https://forge.example/group/relstore"


def build(target: str, place: Path, cwd: Path = ROOT, **variables: str) -> Path:
    """What hatchling makes of the sources in ``cwd``, without a network."""
    words = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(place)]
    subprocess.run(words, cwd=cwd, env={**os.environ, **variables}, check=True, capture_output=True)
    (made,) = place.iterdir()
    return made


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def pure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("pure"), RELSTORE_PURE="1")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", tmp_path_factory.mktemp("sdist"))


def metadata(wheel: Path) -> dict[str, list[str]]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        message = message_from_bytes(archive.read(name))
    return {header: message.get_all(header) or [] for header in message} | {"": [str(message.get_payload())]}


def test_another_time_gives_the_same_wheel(pure: Path, tmp_path: Path) -> None:
    again = build("wheel", tmp_path / "again", RELSTORE_PURE="1", TZ="Pacific/Auckland")
    assert (again.name, digest(again)) == (pure.name, digest(pure))


@needs_matcher
def test_so_does_another_compilation(tmp_path: Path) -> None:
    one, two = (build("wheel", tmp_path / name) for name in ("one", "two"))
    assert "-none-any" not in one.name
    assert (one.name, digest(one)) == (two.name, digest(two))


def test_the_sdist_is_the_same_each_time_and_gives_the_same_wheel(
    sources: Path, pure: Path, tmp_path: Path
) -> None:
    assert digest(build("sdist", tmp_path / "again")) == digest(sources)
    with tarfile.open(sources) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.glob("relstore-*")
    wheel = build("wheel", tmp_path / "made", cwd=unpacked, RELSTORE_PURE="1")
    with zipfile.ZipFile(wheel) as made, zipfile.ZipFile(pure) as direct:
        assert {name: made.read(name) for name in made.namelist() if "dist-info" not in name} == {
            name: direct.read(name) for name in direct.namelist() if "dist-info" not in name
        }


def test_it_says_what_it_is(pure: Path) -> None:
    said = metadata(pure)
    assert pure.name == f"relstore-{relstore.__version__}-py3-none-any.whl"
    assert said["Version"] == [relstore.__version__]
    assert said["License-Expression"] == ["MIT AND Apache-2.0"]
    assert said["License-File"] == ["LICENSE", "relstore/vendored/msgpack/COPYING"]
    assert "Project-URL" not in said, "nobody has said where the project is"
    assert said[""][0].strip() == (ROOT / "README.md").read_text().strip()


def test_who_releases_it_says_where_the_project_is(tmp_path: Path) -> None:
    said = metadata(build("wheel", tmp_path / "made", RELSTORE_PURE="1", RELSTORE_PROJECT_URL=HOME))
    assert f"Repository, {HOME}" in said["Project-URL"]
    assert f"]({HOME}/blob/v{relstore.__version__}/docs/" in said[""][0]


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("[a](docs/a.md#b)", f"[a]({HOME}/blob/v1/docs/a.md#b)"),
        ("![a](docs/a.svg)", f"![a]({HOME}/raw/v1/docs/a.svg)"),
        ("[![a](a.svg)](a.md)", f"[![a]({HOME}/raw/v1/a.svg)](a.md)"),
        ("[a](#b) [c](https://d/)", "[a](#b) [c](https://d/)"),
        ('<img src="a.svg">', f'<img src="{HOME}/raw/v1/a.svg">'),
        ('<img src="https://b/a.svg">', '<img src="https://b/a.svg">'),
    ],
)
def test_links_of_the_description(text: str, becomes: str) -> None:
    assert hatch_metadata.absolute(text, HOME, "v1") == becomes


def test_an_installed_wheel_runs_the_demo(pure: Path, tmp_path: Path) -> None:
    """In an environment of its own; what relstore needs comes from that of the tests."""
    place = tmp_path / "installed"
    venv.create(place, with_pip=False)
    (packages,) = place.glob("lib/python*/site-packages")
    (others,) = [path for path in sys.path if path.endswith("site-packages")][:1]
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--no-deps", str(pure)], check=True, capture_output=True)
    (packages / "others.pth").write_text(f"{others}\n")
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    program = str(place / "bin" / "relstore")
    version = ran(tmp_path, clean, program, "--version")
    assert version.stdout == f"relstore, version {relstore.__version__}\n"
    where = ran(tmp_path, clean, place / "bin" / "python", "-c", "import relstore; print(relstore.__file__)")
    assert where.stdout.startswith(str(place)), "the wheel is what runs"
    told = ran(tmp_path, clean, program, "demo")
    assert told.returncode == 0, told.stdout + told.stderr
    assert " 0 failed" in told.stdout


def ran(cwd: Path, environment: dict[str, str], *words: object) -> subprocess.CompletedProcess[str]:
    """Not in the checkout, whose relstore Python would prefer."""
    said = [str(word) for word in words]
    return subprocess.run(said, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
