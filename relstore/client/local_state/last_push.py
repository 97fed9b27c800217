"""What this machine last pushed of each app, by path, and from where: the next push most likely builds on it.

Only a guess, so that work can begin before the host has said what it has. Never an error, never trusted.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from relstore.client.local_state import state_file
from relstore.errors import FormatError
from relstore.formats.manifest import Manifest
from relstore.formats.names import AppName, Digest, is_digest

MIN_BYTES = 1024 * 1024
"""Smaller files are not worth remembering."""

_MAX_FILES = 1000


@dataclass(frozen=True)
class Recent:
    """The last pushes, remembered below ``directory``."""

    directory: Path

    def get(self, app: AppName) -> dict[str, Digest]:
        """The content of each large file of the last push."""
        try:
            return {path: Digest.parse(name) for path, name in state_file.load(self._path(app)).items()}
        except (TypeError, FormatError):
            return {}

    def keep(self, app: AppName, manifest: Manifest) -> None:
        """Remember a build that was pushed."""
        large = sorted(
            (file for file in manifest.files() if file.content.size >= MIN_BYTES),
            key=lambda file: file.content.size,
            reverse=True,
        )
        files = {file.path: file.content.blake3 for file in large[:_MAX_FILES]}
        state_file.save(self._path(app), files)

    def artifact(self, app: AppName) -> Path | None:
        """Where the artifact of the last push was, on this machine."""
        path = state_file.load(self._artifact_path(app)).get("path")
        return Path(path) if isinstance(path, str) else None

    def build(self, app: AppName) -> Digest | None:
        """The build of the last push."""
        build = state_file.load(self._artifact_path(app)).get("build")
        return Digest(build) if isinstance(build, str) and is_digest(build) else None

    def keep_artifact(self, app: AppName, artifact: Path, build: Digest) -> None:
        """Remember where an artifact is that was pushed, and as which build."""
        state_file.save(self._artifact_path(app), {"path": os.path.realpath(artifact), "build": build})

    def _artifact_path(self, app: AppName) -> Path:
        return self.directory / "artifacts" / f"{app}.json"

    def _path(self, app: AppName) -> Path:
        return self.directory / f"{app}.json"
