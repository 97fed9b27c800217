"""What other tools leave on a host, made as they make it: for the tests of adoptions.

Kept, as the tests that use it, to Python 3.9 and to what a host has. Not for the tools themselves: those run in
``tests.systemd.test_adopt`` where they are installed.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

COMMITS = tuple(f"{number:040x}" for number in range(1, 10))
LONG_AGO = 1_700_000_000


def settle(top: Path) -> None:
    """Nothing below ``top`` was changed lately."""
    for path in [top, *top.rglob("*")]:
        if not path.is_symlink():
            os.utime(path, (LONG_AGO, LONG_AGO))


def program(version: str) -> bytes:
    return f"#!/bin/sh\necho {version}\n".encode()


def versions(top: Path, count: int = 3, live: int = 2, name: str = "example") -> list[Path]:
    """The layout of the 30-line script; the files, oldest first."""
    files = []
    (top / "versions").mkdir(parents=True)
    for number in range(1, count + 1):
        data = program(f"v{number}")
        digest = hashlib.blake2b(data).hexdigest()
        path = top / "versions" / f"{name}-{LONG_AGO + number * 1000}-{COMMITS[number - 1]}-{digest}"
        path.write_bytes(data)
        path.chmod(0o755)
        files.append(path)
    (top / name).symlink_to(files[live - 1])
    settle(top)
    return files


def tree(path: Path, version: str, shared: Path | None = None, revision: str = "") -> None:
    """One release that is a directory."""
    (path / "bin").mkdir(parents=True)
    (path / "bin/web").write_bytes(program(version))
    (path / "bin/web").chmod(0o755)
    (path / "version").write_text(version)
    if shared is not None:
        (path / "uploads").symlink_to(shared / "uploads")
    if revision:
        (path / "REVISION").write_text(f"{revision}\n")


def capistrano(top: Path, count: int = 3, live: int = 3) -> list[str]:
    """Its releases, with links to shared data, and its log; the names, oldest first."""
    names = [f"2021030{number}120000" for number in range(1, count + 1)]
    (top / "shared/uploads").mkdir(parents=True)
    (top / "repo").mkdir()
    lines = []
    for number, name in enumerate(names, 1):
        tree(top / "releases" / name, f"v{number}", top / "shared", COMMITS[number - 1])
        lines.append(f"Branch main (at {COMMITS[number - 1]}) deployed as release {name} by ada")
    if live != count:
        lines.append(f"ada rolled back to release {names[live - 1]}")
    (top / "revisions.log").write_text("\n".join(lines) + "\n")
    (top / "current").symlink_to(top / "releases" / names[live - 1])
    settle(top)
    return names


def ansistrano(top: Path, count: int = 2) -> list[str]:
    names = [f"2022010{number}093000Z" for number in range(1, count + 1)]
    for number, name in enumerate(names, 1):
        tree(top / "releases" / name, f"v{number}", None, COMMITS[number - 1])
    (top / "current").symlink_to(f"./releases/{names[-1]}")
    settle(top)
    return names


def deployer(top: Path, count: int = 4, live: int = 3) -> list[str]:
    """Release ``live + 1`` was rolled back, the one before the live one never finished."""
    names = [str(number) for number in range(1, count + 1)]
    (top / ".dep").mkdir(parents=True)
    lines = []
    for number, name in enumerate(names, 1):
        tree(top / "releases" / name, f"v{number}", None, COMMITS[number - 1])
        lines.append(
            f'{{"created_at":"2023-05-0{number}T10:00:00+0200","release_name":"{name}","user":"bob","target":"main"}}'
        )
    (top / ".dep/releases_log").write_text("\n".join(lines) + "\n")
    if live < count:
        (top / "releases" / names[live] / "BAD_RELEASE").write_text("2023-05-05,bob")
    (top / "releases" / names[live - 2] / "DIRTY_RELEASE").touch()
    (top / "current").symlink_to(f"releases/{names[live - 1]}")
    settle(top)
    return names


def just_now(path: Path) -> None:
    os.utime(path, (time.time(), time.time()))
