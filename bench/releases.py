"""Releases to push: consecutive real ones from wheels and npm, downloaded once, and a generated tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """An artifact in two consecutive releases."""

    name: str
    previous: Path
    next: Path


_WHEELS = {"uv": ("0.13.8", "0.13.9"), "ruff": ("0.17.5", "0.17.6")}
_ESBUILD = "esbuild"
_ESBUILD_VERSIONS = ("0.28.1", "0.28.2")
TREE = "tree"
SMALLER_TREE = "tree-20000"
ARCHIVE = "archive"
"""The wheel of ruff as it is: content that does not compress."""
PROGRAMS = (*_WHEELS, _ESBUILD)
PAIRS = (*PROGRAMS, ARCHIVE, SMALLER_TREE, TREE)

_PLATFORM = "manylinux_2_17_x86_64"
_DIRECTORIES = {TREE: 500, SMALLER_TREE: 200}
_FILES = 100


def pair(name: str, place: Path) -> Pair:
    """The pair of that name; ``place`` caches what was downloaded or generated."""
    if name in _DIRECTORIES:
        previous = _tree(place / f"{name}-previous", _DIRECTORIES[name])
        return Pair(name, previous, _changed(previous, place / f"{name}-next"))
    if name == ARCHIVE:
        previous, following = (_wheel("ruff", version, place) for version in _WHEELS["ruff"])
    elif name == _ESBUILD:
        previous, following = (_esbuild(version, place) for version in _ESBUILD_VERSIONS)
    else:
        previous, following = (_program(name, version, place) for version in _WHEELS[name])
    return Pair(name, previous, following)


def _tree(place: Path, directories: int) -> Path:
    """Small files, all different."""
    if not place.exists():
        for directory in range(directories):
            (place / f"{directory:03}").mkdir(parents=True)
            for file in range(_FILES):
                text = "".join(f"line {line} of {directory}, {file}\n" for line in range(5 + file % 50))
                (place / f"{directory:03}" / f"{file:02}.txt").write_text(text)
    return place


def _changed(previous: Path, place: Path) -> Path:
    """The same with one file in a hundred changed; the others keep their times, which favours rsync."""
    if not place.exists():
        shutil.copytree(previous, place)
        for file in place.glob("*/07.txt"):
            with file.open("a") as opened:
                opened.write("changed\n")
    return place


def _esbuild(version: str, place: Path) -> Path:
    found = place / f"esbuild-{version}" / "esbuild"
    if not found.exists():
        place.mkdir(parents=True, exist_ok=True)
        package = f"@esbuild/linux-x64@{version}"
        words = ["npm", "pack", "--silent", package, "--pack-destination", str(place)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        (packed,) = place.glob(f"esbuild-linux-x64-{version}.tgz")
        with tarfile.open(packed) as archive:
            member = archive.extractfile("package/bin/esbuild")
            assert member is not None
            found.parent.mkdir(parents=True, exist_ok=True)
            with found.open("wb") as file:
                shutil.copyfileobj(member, file)
        found.chmod(0o755)
    return found


def _program(name: str, version: str, place: Path) -> Path:
    """The executable of a release."""
    found = place / f"{name}-{version}" / name
    if not found.exists():
        with zipfile.ZipFile(_wheel(name, version, place)) as archive:
            (inside,) = (entry for entry in archive.namelist() if entry.endswith(f"/scripts/{name}"))
            found.parent.mkdir(parents=True, exist_ok=True)
            # Piece by piece: what this process has in memory counts as the memory of what it starts.
            with archive.open(inside) as member, found.open("wb") as file:
                shutil.copyfileobj(member, file)
        found.chmod(0o755)
    return found


def _wheel(name: str, version: str, place: Path) -> Path:
    wheels = place / "wheels"
    if not any(wheels.glob(f"{name}-{version}-*.whl")):
        subprocess.run(
            [
                sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
                "--no-deps", "--only-binary=:all:", "--platform", _PLATFORM, "--dest", str(wheels),
                f"{name}=={version}",
            ],
            check=True,
        )  # fmt: skip
    (wheel,) = wheels.glob(f"{name}-{version}-*.whl")
    return wheel
