"""What the name of an archive says: whether it is one, and what the app in it is called. Pure."""

from __future__ import annotations

import re
from pathlib import PurePath

from relstore.client.artifact.app_name import suggest
from relstore.errors import UsageError
from relstore.formats.names import AppName

_SUFFIX = re.compile(r"\.(tar|tar\.gz|tgz|tar\.zst|tzst|zip)\Z", re.IGNORECASE)
_VERSION = re.compile(r"[-_.]v?[0-9]")


def is_archive_name(name: str) -> bool:
    """Whether a file of this name is probably an archive that could be unpacked."""
    return _SUFFIX.search(name) is not None


def suggest_from(archive: PurePath) -> tuple[AppName | None, bool]:
    """As ``suggest``. Raises UsageError for a name that would be another with the next version."""
    own = _SUFFIX.sub("", archive.name)
    if _VERSION.search(own):
        raise UsageError(
            f"{archive.name!r} seems to name a version, and the app is to keep its name",
            hint="Give --app NAME, or set `app` in relstore.toml.",
        )
    return suggest(archive.with_name(own))
