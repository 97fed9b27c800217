"""Real releases to push: programs from the wheels of consecutive versions, downloaded once by pip."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """A program in two consecutive releases."""

    name: str
    former: Path
    next: Path


PAIRS = {"uv": ("0.13.8", "0.13.9"), "ruff": ("0.17.5", "0.17.6")}
_PLATFORM = "manylinux_2_17_x86_64"


def pair(name: str, place: Path) -> Pair:
    """The pair of a program; ``place`` keeps what was downloaded."""
    former, following = (program(name, version, place) for version in PAIRS[name])
    return Pair(name, former, following)


def program(name: str, version: str, place: Path) -> Path:
    """The executable of a release."""
    found = place / f"{name}-{version}" / name
    if not found.exists():
        wheels = place / "wheels"
        subprocess.run(
            [
                sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
                "--no-deps", "--only-binary=:all:", "--platform", _PLATFORM, "--dest", str(wheels),
                f"{name}=={version}",
            ],
            check=True,
        )  # fmt: skip
        (wheel,) = wheels.glob(f"{name}-{version}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (inside,) = (entry for entry in archive.namelist() if entry.endswith(f"/scripts/{name}"))
            found.parent.mkdir(parents=True, exist_ok=True)
            found.write_bytes(archive.read(inside))
        found.chmod(0o755)
    return found
