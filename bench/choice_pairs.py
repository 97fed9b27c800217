"""Pairs of consecutive releases of many kinds, to see whether the best way to send each is chosen.

Programs, jars, wheels, sites and models are real ones from PyPI and npm, downloaded once; the container layer
is made of what pip installs, and the database and the log are made here. Not for what is measured with them
(``choice``).
"""

from __future__ import annotations

import gzip
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from bench import releases
from bench.releases import Pair

_PLATFORMS = ("manylinux_2_17_x86_64", "manylinux_2_28_x86_64")
_ROWS = 120_000


def pairs(place: Path) -> dict[str, Callable[[], Pair]]:
    """For each kind what gets its pair, below ``place``."""

    def wheel(name: str, versions: tuple[str, str], inside: str = "") -> Callable[[], Pair]:
        return lambda: _pair(name, [_from_wheel(place, name, version, inside) for version in versions])

    def npm(name: str, versions: tuple[str, str], inside: str = "") -> Callable[[], Pair]:
        return lambda: _pair(name, [_from_npm(place, name, version, inside) for version in versions])

    def installed(name: str, versions: tuple[str, str], *, tar: bool) -> Callable[[], Pair]:
        def both() -> list[Path]:
            trees = [_installed(place, f"{name}=={version}") for version in versions]
            return [_layer(tree, place) for tree in trees] if tar else trees

        return lambda: _pair(name, both())

    return {
        "Rust program": lambda: releases.pair("ruff", place),
        "Go program": lambda: releases.pair("esbuild", place),
        "C++ program": wheel("cmake", ("4.4.4", "4.4.5"), "/bin/cmake"),
        "JVM jar": npm("google-closure-compiler-java", ("20261011.0.0", "20261015.0.0"), "compiler.jar"),
        "wheel": wheel("pydantic-core", ("2.50.4", "2.50.5")),
        ".tar.gz": npm("typescript", ("5.9.2", "5.9.3")),
        "Node bundle": npm("typescript", ("5.9.2", "5.9.3"), "lib/typescript.js"),
        "web site": npm("swagger-ui-dist", ("5.34.1", "5.35.0"), "."),
        "Python venv": installed("django", ("5.2.18", "5.2.19"), tar=False),
        "container layer": installed("sqlalchemy", ("2.0.40", "2.0.41"), tar=True),
        "model weights": wheel("magika", ("0.6.1", "0.6.3"), "model.onnx"),
        "model weights, one layer changed": lambda: _tuned(place),
        "database file": lambda: _database(place),
        "database file, many rows changed": lambda: _database(place, every=7),
        "log": lambda: _log(place),
    }


def _pair(name: str, both: list[Path]) -> Pair:
    previous, following = both
    return Pair(name, previous, following)


def _from_wheel(place: Path, name: str, version: str, inside: str) -> Path:
    """A wheel, or the largest of its files whose name ends in ``inside``."""
    wheels = place / "wheels"
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    if not list(wheels.glob(pattern)):
        words = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        words += ["--only-binary=:all:", "--dest", str(wheels), f"{name}=={version}"]
        words += [f"--platform={platform}" for platform in _PLATFORMS]
        subprocess.run(words, check=True)
    (wheel,) = wheels.glob(pattern)
    if not inside:
        return wheel
    found = place / f"{name}-{version}" / Path(inside).name
    if not found.exists():
        with zipfile.ZipFile(wheel) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename.endswith(inside)]
            largest = max(entries, key=lambda entry: entry.file_size)
            found.parent.mkdir(parents=True, exist_ok=True)
            found.write_bytes(archive.read(largest))
    return found


def _from_npm(place: Path, name: str, version: str, inside: str) -> Path:
    """A package as it is, or one file of it, or with "." all of it as a tree."""
    packed = place / f"{name}-{version}.tgz"
    if not packed.exists():
        words = ["npm", "pack", "--silent", f"{name}@{version}", "--pack-destination", str(place)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    if not inside:
        return packed
    tree = place / f"{name}-{version}"
    if not tree.exists():
        with tarfile.open(packed) as archive:
            archive.extractall(tree, filter="data")
    return tree / "package" / inside


def _installed(place: Path, what: str) -> Path:
    """What pip installs, without the compiled files, whose bytes contain the time."""
    tree = place / f"venv-{what}"
    if not tree.exists():
        words = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*words, "--no-compile", "--target", str(tree), what], check=True)
    return tree


def _layer(tree: Path, place: Path) -> Path:
    """The tree as one tar, as a layer of an image is."""
    found = place / f"{tree.name}.tar"
    if not found.exists():
        with tarfile.open(found, "w") as archive:
            for path in sorted(tree.rglob("*")):
                archive.add(path, f"srv/app/{path.relative_to(tree)}", recursive=False)
    return found


def _tuned(place: Path) -> Pair:
    """A model of which the last tenth was trained again: every number there differs a little."""
    model = _from_wheel(place, "magika", "0.6.3", "model.onnx")
    found = place / "magika-tuned" / "model.onnx"
    if not found.exists():
        data = bytearray(model.read_bytes())
        for at in range(len(data) * 9 // 10 // 4 * 4, len(data) - 4, 4):
            data[at] = (data[at] * 5 + at) % 256  # the low byte of the mantissa
        found.parent.mkdir(parents=True, exist_ok=True)
        found.write_bytes(data)
    return Pair("magika-tuned", model, found)


def _database(place: Path, every: int = 400) -> Pair:
    """An SQLite file with an index, and the same after one row in ``every`` was changed."""
    previous, following = (
        place / f"database-{every}-{state}" / "app.sqlite" for state in ("previous", "next")
    )
    if not following.exists():
        for path in (previous, following):
            path.parent.mkdir(parents=True, exist_ok=True)
        previous.unlink(missing_ok=True)
        with sqlite3.connect(previous) as database:
            database.execute("create table item (id integer primary key, name text, price real, note text)")
            database.execute("create index by_name on item (name)")
            rows = ((n, f"item {n * 7919 % _ROWS:06}", n % 977 / 10, _note(n)) for n in range(_ROWS))
            database.executemany("insert into item values (?, ?, ?, ?)", rows)
        database.close()
        shutil.copyfile(previous, following)
        with sqlite3.connect(following) as database:
            database.execute("update item set price = price + 1 where id % ? = 0", (every,))
            database.execute("delete from item where id % ? = 1", (every * 4,))
            more = ((n, f"item {n}", 1.0, _note(n)) for n in range(_ROWS, _ROWS + _ROWS // every))
            database.executemany("insert into item values (?, ?, ?, ?)", more)
        database.close()
    return Pair("database", previous, following)


def _log(place: Path) -> Pair:
    """A compressed log that only has a little more at its end."""
    previous, following = (place / f"log-{state}" / "log.gz" for state in ("previous", "next"))
    for path, count in ((previous, _ROWS), (following, _ROWS + _ROWS // 50)):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress("".join(_note(n) + "\n" for n in range(count)).encode(), mtime=0))
    return Pair("log", previous, following)


def _note(number: int) -> str:
    words = ("order", "paid", "sent", "returned", "refunded", "waits", "lost", "found", "new", "closed")
    chosen = (words[number * prime % 1009 % len(words)] for prime in (3, 7, 11, 13, 17))
    return f"{number * 2654435761 % 2**32:08x} {' '.join(chosen)}"
