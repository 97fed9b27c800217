"""The keys that say what is released, and how it is sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from relstore.client.coding import AUTO, LEVELS, NONE, check_compression
from relstore.client.config.readers import BOOLEAN, COMMAND, PATH, argument, several, string, type_name
from relstore.client.config.setting import DefaultedSetting, PathBase, Setting, ValueType
from relstore.errors import UsageError
from relstore.formats.data_link import DataLink

if TYPE_CHECKING:
    from relstore.client.ignore_patterns import IgnorePatterns

TITLE = "What is released, and how it is sent"
INTRO = ""


def _links(value: object, base: PathBase) -> tuple[DataLink, ...]:
    pairs: list[tuple[object, object]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):  # flags
        pairs = [_pair(string(item)) for item in value]
    else:
        raise UsageError(
            f"must be a table, not {type_name(value)}",
            hint='For example { "uploads" = "/srv/web-data/uploads" }.',
        )
    links: dict[str, DataLink] = {}
    for path, target in pairs:
        link = DataLink.parse(argument(string(path)), argument(string(target)))
        if link.path in links:
            raise UsageError(f"names {link.path!r} twice", hint="Remove one of the two.")
        links[link.path] = link
    return tuple(links.values())


def _pair(text: str) -> tuple[str, str]:
    path, separator, target = text.partition("=")
    if not separator:
        raise UsageError(f"{text!r} has no =", hint="Write PATH=TARGET: uploads=/srv/web-data/uploads.")
    return path, target


def _compression(value: object, base: PathBase) -> str:
    return check_compression(string(value))


def _patterns(value: object, base: PathBase) -> tuple[str, ...]:
    return tuple(argument(string(item)) for item in several(value, "pattern"))


def _ignore_patterns(value: object, base: PathBase) -> IgnorePatterns:
    from relstore.client.ignore_patterns import IgnorePatterns  # start-up can do without

    return IgnorePatterns.parse(_patterns(value, base))


STANDARD_INPUT = Path("-")
"""As an artifact on the command line. In relstore.toml, where paths become absolute, `-` is a file."""

ARTIFACT = Setting(
    "artifact",
    PATH,
    help="The file or directory to release; `-` on the command line is a tar on standard input.",
    example="dist",
    commands=("push",),
    is_argument=True,
)
UNPACK = Setting(
    "unpack",
    BOOLEAN,
    help="Unpack the artifact, a .tar, .tar.gz, .tar.zst or .zip, on this machine.",
    more="Without it, an archive is released as the file that it is. What could write outside, or is in the "
    "archive twice, is refused.",
    example=True,
    absent="false, and true for `-`",
    commands=("push",),
)
BUILD = Setting(
    "build",
    COMMAND,
    help="Run this command first, on this machine, and push nothing if it fails.",
    more="It makes the artifact. It is a line for `sh -c`, or a list of a program and its arguments. It "
    "runs in the directory of relstore.toml.",
    example="make dist",
    commands=("push",),
)
COPY = Setting(
    "copy",
    ValueType("string or list of strings", "PATTERN", _patterns, repeatable=True),
    help="Give the files of the artifact that match this pattern an inode of their own.",
    more="Every other file of a release is a hard link to an object of the store. A pattern is a path in the "
    "artifact; `*`, `?` and `[abc]` stand for parts of a name, and `**` for any number of directories. One "
    "that matches no file is an error.",
    example=["bin/web", "lib/**/*.so"],
    commands=("push",),
)
_IGNORE = ValueType("string or list of strings", "PATTERN", _ignore_patterns, repeatable=True)
EXCLUDE = Setting(
    "exclude",
    _IGNORE,
    help="Leave out what of the artifact matches this pattern, in the syntax of gitignore.",
    more="`/` at the beginning means the artifact's top, `/` at the end a directory, and `!` takes back what "
    "an earlier pattern left out, unless a directory above it is left out.",
    example=["*.map", "/cache/"],
    commands=("push",),
)
ALLOW_PRIVATE = Setting(
    "allow-private",
    _IGNORE,
    help="Push files that look private, such as .env or keys, where they match this pattern.",
    more="It has the syntax of `exclude`. Every account of the host can read a release, and it stays there.",
    example=["/vendor/tls/test/*.pem"],
    commands=("push",),
)
LINK = Setting(
    "link",
    ValueType("table of paths", "PATH=TARGET", _links, repeatable=True),
    help="Let PATH of every release be a symlink to TARGET, data outside of the store.",
    more="TARGET is absolute. The host looks whether it is there and whether the service may use it, and "
    "`relstore unit` lets the unit write to it.",
    example={"uploads": "/srv/web-data/uploads"},
    commands=("push", "unit"),
)
ALLOW_OUTSIDE_LINKS = DefaultedSetting(
    "allow-outside-links",
    BOOLEAN,
    help="Accept symlinks that lead out of the artifact.",
    example=False,
    default=False,
    commands=("push",),
)
INCLUDE_EVERYTHING = DefaultedSetting(
    "include-everything",
    BOOLEAN,
    help="Push an artifact although it holds a repository, relstore.toml, .env or private keys.",
    more="Every account of the host can read a release, and it stays. `allow-private` names single ones.",
    example=False,
    default=False,
    commands=("push",),
)
COMPRESSION = DefaultedSetting(
    "compression",
    ValueType("string", "CODEC[:LEVEL]", _compression, choices=(AUTO, NONE, *LEVELS)),
    help="How to compress what is sent: auto, none, zstd, xz or zlib, or with a level: zstd:9.",
    more="auto chooses by the speed of the link.",
    example="auto",
    default=AUTO,
    commands=("push",),
)
DELTA = Setting(
    "delta",
    BOOLEAN,
    help="Send files as differences to similar files that the host has.",
    example=True,
    absent="where that is faster",
    commands=("push",),
)
