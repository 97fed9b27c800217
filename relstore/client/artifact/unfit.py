"""What is refused although a build could hold it: a project's history and secrets, and links that lead out.

A release is readable by every account of its host and stays there, so a project's own directory must not
become one by mistake. What is meant for the host is allowed by name (``allow-private``). Reads no file
system: the scan has walked the artifact and read its files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from relstore.client.ignore_patterns import IgnorePatterns
from relstore.errors import ArtifactError
from relstore.formats.data_link import DataLink
from relstore.formats.manifest import Manifest

_NAMES = frozenset(
    (
        *(".git", ".hg", ".svn", "relstore.toml", ".env", ".netrc", ".npmrc", ".pypirc", ".ssh", ".aws"),
        *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk"),
    )
)
_ENVIRONMENT = re.compile(r"\.env\.(?!example\Z|sample\Z|template\Z|dist\Z).+")
_SHOWN = 5


def check_names(artifact: Path, paths: Iterable[str], allowed: IgnorePatterns | None) -> None:
    """Refuse an artifact that holds what its name says is not meant for a host. Raises ArtifactError.

    ``allowed``: what is meant, or None when nothing of the kind was.
    """
    private = [path for path in paths if _is_private(path.rpartition("/")[2])]
    if private:
        check_private(artifact, private, allowed)


def check_private(artifact: Path, private: Iterable[str], allowed: IgnorePatterns | None) -> None:
    """Refuse the ``private`` paths that are not allowed. Raises ArtifactError."""
    found: list[str] = []
    for path in sorted(path for path in private if allowed is None or not allowed.match_below(path)):
        if not found or not path.startswith(found[-1] + "/"):
            found.append(path)  # what a repository holds is not named one by one
    if not found:
        return
    name = found[0]
    raise ArtifactError(
        f"{artifact} holds {_shown(found)}, which every account of the host could read in the release",
        path=str(artifact),
        state="Nothing was pushed.",
        hint="Push the directory that the build makes (`relstore push dist`), or leave it out with --exclude "
        f"{name!r}. If it is meant for the host, --allow-private {name!r} says so; both are keys of "
        "relstore.toml, too.",
    )


def check_links(manifest: Manifest, declared: Sequence[DataLink] = ()) -> None:
    """Refuse links that lead out of the build, naming the one of a chain that does. Raises ArtifactError."""
    link = manifest.way_out({link.path for link in declared})
    if link is None:
        return
    raise ArtifactError(
        f"the symlink {link.path!r} -> {link.target!r} leads out of the build",
        state="Nothing was pushed.",
        hint="Make it point inside. One to the data of the app belongs into `link`; --allow-outside-links "
        "allows all.",
    )


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _is_private(name: str) -> bool:
    return name in _NAMES or (name.startswith(".env.") and _ENVIRONMENT.fullmatch(name) is not None)
