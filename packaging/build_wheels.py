"""Makes the wheels of all platforms, a pure one, and the sdist, on one Linux machine: ``make wheels``.

The PyPI package ``ziglang`` is a C compiler for all of them, with the headers of each C library. The matcher
uses nothing but a handful of C functions, so a wheel fits every Python 3 of its platform. Each library is
checked: its format, its machine, and that it needs no newer glibc than its tag says. The same sources give
the same bytes: hatchling writes one constant time, or that of SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from compile_matcher import ROOT, compile_to


class Platform(NamedTuple):
    """A platform of wheels. ``target``: as zig names it."""

    tag: str
    target: str
    begins: bytes
    """The first bytes of its libraries."""
    machine: int
    """Where the header of such a file names the machine."""


_ELF, _MACHO = b"\x7fELF\x02\x01\x01", struct.pack("<I", 0xFEEDFACF)
_ELF_X86_64, _ELF_AARCH64 = 62, 183
_MACHO_X86_64, _MACHO_ARM64 = 0x01000007, 0x0100000C
PLATFORMS = (
    Platform("manylinux_2_17_x86_64.manylinux2014_x86_64", "x86_64-linux-gnu.2.17", _ELF, _ELF_X86_64),
    Platform("manylinux_2_17_aarch64.manylinux2014_aarch64", "aarch64-linux-gnu.2.17", _ELF, _ELF_AARCH64),
    Platform("musllinux_1_1_x86_64", "x86_64-linux-musl", _ELF, _ELF_X86_64),
    Platform("musllinux_1_1_aarch64", "aarch64-linux-musl", _ELF, _ELF_AARCH64),
    Platform("macosx_11_0_x86_64", "x86_64-macos.11.0", _MACHO, _MACHO_X86_64),
    Platform("macosx_11_0_arm64", "aarch64-macos.11.0", _MACHO, _MACHO_ARM64),
)
_GLIBC = (2, 17)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=ROOT / "dist", help="default: %(default)s")
    place = parser.parse_args().to
    with tempfile.TemporaryDirectory(prefix="relstore-") as directory:
        for platform in PLATFORMS:
            library = Path(directory, platform.target, "libmatcher.so.1")
            library.parent.mkdir()
            zig = [sys.executable, "-m", "ziglang", "cc", "-target", platform.target]
            compile_to(library, zig, "-s")
            check(library.read_bytes(), platform)
            _build("wheel", place, RELSTORE_MATCHER=str(library), RELSTORE_PLATFORM=platform.tag)
    _build("wheel", place, RELSTORE_PURE="1")
    _build("sdist", place)
    for made in sorted([*place.glob("*.whl"), *place.glob("*.tar.gz")]):
        digest = hashlib.sha256(made.read_bytes()).hexdigest()
        print(f"{digest}  {made.stat().st_size:>9,}  {made.name}")
    return 0


def check(library: bytes, platform: Platform) -> None:
    """Raises SystemExit for a library that is not what the platform needs."""
    machine = (
        struct.unpack_from("<H", library, 18)
        if platform.begins == _ELF
        else struct.unpack_from("<I", library, 4)
    )
    if not library.startswith(platform.begins) or machine[0] != platform.machine:
        raise SystemExit(f"{platform.target}: this is a library of another kind")
    for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", library):
        if (int(major), int(minor)) > _GLIBC or "gnu" not in platform.target:
            raise SystemExit(f"{platform.target}: the library needs glibc {int(major)}.{int(minor)}")


def _build(target: str, place: Path, **environment: str) -> None:
    words = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        target,
        "--directory",
        str(place.resolve()),
    ]
    subprocess.run(words, check=True, cwd=ROOT, env=os.environ | environment, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
