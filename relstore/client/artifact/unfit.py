"""What is refused although a build could hold it: a project's history and secrets, and links that lead out.

A release is readable by every account of its host and stays there, so a project's own directory must not
become one by mistake. At its top such names are refused. Below it they may well be meant, as the test key of
a library is: they are only named (``below_top``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from relstore.client.artifact.scan import Scan
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
        names = sorted(name for name in os.listdir(artifact) if _is_private(str(artifact), name))
    except OSError:
        return  # a single file was named on purpose; whatever else is wrong, the scan says
    if not names:
        return
    raise ArtifactError(
        f"{artifact} holds {_shown(names)}, which every account of the host could read in the release",
        path=str(artifact),
        state="Nothing was pushed.",
        hint="Push the directory that the build makes (`relstore push dist`). If all of it is meant for the "
        "host, allow it with --include-everything.",
    )


def below_top(scanned: Scan) -> str:
    """A sentence about what of the build, below its top, looks as if it were not meant for a host; or ``""``.

    The scan knows the names; only the beginnings of a few files are read.
    """
    found: list[str] = []
    for entry in scanned.manifest.entries:  # a directory before what is in it
        above, _, name = entry.path.rpartition("/")
        if not above or (found and entry.path.startswith(found[-1] + "/")):
            continue  # what a repository holds is not named one by one
        if _is_private(f"{scanned.artifact}/{above}", name):
            found.append(entry.path)
    if not found:
        return ""
    return (
        f"the release holds {_shown(found)}, which every account of the host can read. If that is meant, "
        "--include-everything says so"
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


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _is_private(directory: str, name: str) -> bool:
    if name in _NAMES or _ENVIRONMENT.fullmatch(name):
        return True
    path = f"{directory}/{name}"
    if not name.endswith(_KEY_FILES) or not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return _PRIVATE.search(file.read(_HEAD_BYTES)) is not None
    except OSError:
        return False
