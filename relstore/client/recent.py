"""What was last pushed of each app from here, by path: what the next push is likely to build on.

Only a guess, so that work can begin before the host has said what it has: never an error, never trusted.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from relstore.errors import FormatError
from relstore.store.manifest import Manifest
from relstore.store.names import AppName, Digest

MIN_BYTES = 1024 * 1024
"""Of smaller files it is not worth remembering."""

_MAX_FILES = 1000
_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Recent:
    """What is remembered below ``directory``."""

    directory: Path

    def get(self, app: AppName) -> dict[str, Digest]:
        """The content of each large file that was pushed last."""
        try:
            with open(self._place(app), encoding="utf-8") as file:
                found = json.loads(file.read(_MAX_BYTES))
            return {path: Digest.parse(name) for path, name in found.items()}
        except (OSError, ValueError, AttributeError, TypeError, FormatError):
            return {}

    def keep(self, app: AppName, manifest: Manifest) -> None:
        """Remember a build that was pushed."""
        large = sorted(
            (file for file in manifest.files() if file.content.size >= MIN_BYTES),
            key=lambda file: file.content.size,
            reverse=True,
        )
        files = {file.path: file.content.blake3 for file in large[:_MAX_FILES]}
        with contextlib.suppress(OSError):
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self.directory, prefix=".new-", delete=False) as new:
                json.dump(files, new)
            os.replace(new.name, self._place(app))

    def _place(self, app: AppName) -> Path:
        return self.directory / f"{app}.json"
