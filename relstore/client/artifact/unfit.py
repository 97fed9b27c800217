"""What is refused although a build could hold it: a project's history and secrets, and links that lead out.

A release is readable by every account of its host and stays there, so a project's own directory must not
become one by mistake. Only the top is checked: below it, such names are the deployer's business.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from relstore.errors import ArtifactError
from relstore.formats.manifest import Manifest

_NAMES = frozenset(
    (
        *(".git", ".hg", ".svn", "relstore.toml", ".env", ".netrc", ".npmrc", ".pypirc", ".ssh", ".aws"),
        *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk"),
    )
)
_ENVIRONMENT = re.compile(r"\.env\.(?!example\Z|sample\Z|template\Z|dist\Z).+")
_KEY_FILES = (".pem", ".key")
_PRIVATE = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_HEAD_BYTES = 4096
_SHOWN = 5


def check_top(artifact: Path) -> None:
    """Refuse a directory whose top holds what is not meant for a host. Raises ArtifactError."""
    try:
        names = sorted(name for name in os.listdir(artifact) if _is_private(artifact, name))
    except OSError:
        return  # a single file was named on purpose; whatever else is wrong, the scan says
    if not names:
        return
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    raise ArtifactError(
        f"{artifact} holds {shown}, which every account of the host could read in the release",
        path=str(artifact),
        state="Nothing was pushed.",
        hint="Push the directory that the build makes (`relstore push dist`). If all of it is meant for the "
        "host, allow it with --include-everything.",
    )


def check_links(manifest: Manifest) -> None:
    """Refuse links that lead out of the build, naming the one of a chain that does. Raises ArtifactError."""
    link = manifest.way_out()
    if link is None:
        return
    raise ArtifactError(
        f"the symlink {link.path!r} -> {link.target!r} leads out of the build",
        state="Nothing was pushed.",
        hint="Make it point inside, or allow it with --allow-outside-links.",
    )


def _is_private(directory: Path, name: str) -> bool:
    if name in _NAMES or _ENVIRONMENT.fullmatch(name):
        return True
    if not name.endswith(_KEY_FILES) or not (directory / name).is_file():
        return False
    try:
        with (directory / name).open("rb") as file:
            return _PRIVATE.search(file.read(_HEAD_BYTES)) is not None
    except OSError:
        return False
