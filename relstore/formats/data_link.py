"""A link of every build to data outside of it, as somebody declares it. A plain value in a preflight.

In the build it is a symlink like any other. Not for putting it there (``client.artifact.data_links``).
"""

from __future__ import annotations

from typing import NamedTuple

from relstore.errors import FormatError, UsageError
from relstore.formats import paths


class DataLink(NamedTuple):
    """A symlink at ``path`` of the build to ``target``, an absolute path on the host."""

    path: str
    target: str

    @classmethod
    def parse(cls, path: str, target: str) -> DataLink:
        """Raises UsageError unless both can be what they are meant to be."""
        path, target = path.rstrip("/"), target.rstrip("/")
        try:
            paths.check_path(path)
            if not target.startswith("/"):
                raise UsageError(
                    f"{target!r} is no absolute path on the host",
                    hint="Write it from '/': /srv/web-data/uploads.",
                )
            paths.check_path(target[1:])
            paths.check_target(target)
        except FormatError as error:
            raise UsageError(
                error.what, hint='For example { "uploads" = "/srv/web-data/uploads" }.'
            ) from None
        return cls(path, target)
