"""What a person may choose as compression: ``auto``, ``none``, or a codec with an optional level.

Quick to import, since every command reads the configuration. Not for compressing (``transfer.encoders``).
"""

from __future__ import annotations

from typing import NamedTuple

from relstore.errors import UsageError
from relstore.formats.codecs import PATCH_LZMA, PATCH_ZSTD, RAW, XZ, ZLIB, ZSTD

AUTO, NONE = "auto", "none"
LEVELS = {
    ZSTD: range(1, 20),
    XZ: range(1, 7),
    ZLIB: range(1, 10),
    PATCH_LZMA: range(1, 7),
    PATCH_ZSTD: range(1, 20),
}


def check_compression(text: str) -> str:
    """``text``, if it names a compression. Raises UsageError."""
    if text in (AUTO, NONE):
        return text
    codec, colon, level = text.partition(":")
    levels = LEVELS.get(codec)
    usable = levels is not None and (not colon or level in map(str, levels))
    if not usable:
        raise UsageError(
            f"{text!r} is not a compression",
            hint="Write auto, none, zstd, xz, zlib, patch-lzma or patch-zstd, or add a level: zstd:1 to 19, "
            "xz:1 to 6, zlib:1 to 9, patch-lzma:1 to 6, patch-zstd:1 to 19.",
        )
    return text


def parse_compression(text: str) -> tuple[str, int] | None:
    """The codec (``raw`` for none) and its level, 0 where none was given; None for ``auto``."""
    codec, _, level = check_compression(text).partition(":")
    if codec == AUTO:
        return None
    return (RAW, 0) if codec == NONE else (codec, int(level or 0))


class Coding(NamedTuple):
    """A codec with its level."""

    codec: str
    level: int

    def __str__(self) -> str:
        return f"{self.codec} -{self.level}" if self.codec != RAW else RAW
