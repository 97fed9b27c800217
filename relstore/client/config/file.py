"""The text of relstore.toml: reading it within bounds, and saying where in it a mistake is.

It knows TOML, but none of the keys.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from relstore.client.config.lines import find_line
from relstore.errors import ConfigError

MAX_BYTES = 256 * 1024

_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_AT_END = " (at end of document)"


class ConfigFile(NamedTuple):
    """The file's path and text: what an error needs to say where."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> ConfigFile:
        """The file at ``path``. ConfigError when it cannot be read, is too large, or is not UTF-8."""
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise ConfigError(
                f"cannot be read: {error.strerror}",
                path=str(path),
                hint="`relstore init` writes a commented one.",
            ) from error
        if len(data) > MAX_BYTES:
            raise ConfigError(
                f"is larger than {MAX_BYTES // 1024} KiB", path=str(path), hint="Is it the right file?"
            )
        try:
            # Some editors put a byte order mark before UTF-8, which TOML knows nothing of.
            return cls(path, data.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise ConfigError(
                "is not UTF-8",
                path=str(path),
                line=data.count(b"\n", 0, error.start) + 1,
                hint="Save it as UTF-8.",
            ) from None

    def parse(self) -> dict[str, Any]:
        """The TOML document. ConfigError when it is not valid."""
        try:
            return tomllib.loads(self.text)
        except RecursionError:
            raise self.error("is nested too deeply") from None
        except ValueError as error:
            raise self._syntax_error(str(error)) from None

    def error(self, what: str, keys: tuple[str, ...] = (), hint: str = "") -> ConfigError:
        """The error to raise for the value of ``keys``, outermost first."""
        line = find_line(self.text, keys) if keys else 0
        key = ".".join(name if name.isprintable() else repr(name) for name in keys)
        return ConfigError(what, path=str(self.path), line=line, key=key, hint=hint)

    def _syntax_error(self, message: str) -> ConfigError:
        line = 0
        if at_line := _AT_LINE.search(message):
            line = int(at_line[1])
            message = message[: at_line.start()]
        elif message.endswith(_AT_END):
            line = self.text.rstrip("\n").count("\n") + 1
            message = message.removesuffix(_AT_END)
        return ConfigError(
            f"not valid TOML: {message}",
            path=str(self.path),
            line=line,
            hint="Each line is `key = value`, with strings in quotes; https://toml.io has the rules.",
        )
