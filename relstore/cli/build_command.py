"""Running the command of `build`, which makes the artifact on this machine before a push."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from relstore.cli.invocation import Invocation
from relstore.client.config.keys.release import BUILD
from relstore.errors import ArtifactError


def run_build(invocation: Invocation) -> None:
    """Run the build command in the directory of relstore.toml, with its output on standard error."""
    command = invocation.settings.get(BUILD)
    if command is None:
        return
    directory = invocation.config.path.parent if invocation.config.path else Path.cwd()
    try:
        code = subprocess.run(command, cwd=directory, stdout=sys.stderr, check=False).returncode
    except OSError as error:
        raise ArtifactError(f"the build command {command[0]!r} cannot be run: {error.strerror}") from None
    if code:
        raise ArtifactError(
            f"the build command ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}",
            state="Nothing was pushed.",
            hint="Its output is above.",
        )
