"""The name of an app for which nobody gave one: that of its artifact, or of the project that it belongs to.

Pure. Not for what a name may be (``formats.names``).
"""

from __future__ import annotations

from pathlib import PurePath

from relstore.formats.names import AppName

_OUTPUT = frozenset(
    ("bin", "build", "builds", "debug", "dist", "out", "output", "public", "release", "target", "_site")
)
"""What build tools call the directory that they write to: it names no app."""


def suggest(artifact: PurePath) -> tuple[AppName | None, bool]:
    """The name that the artifact's path suggests, and whether it is that of a directory above it.

    ``artifact`` is absolute. ``/src/shop/dist`` is the app ``shop``; ``/src/shop/dist/web`` is ``web``.
    """
    own = AppName.from_artifact(artifact.name)
    if own not in _OUTPUT:
        return own, False
    for directory in artifact.parents:
        name = AppName.from_artifact(directory.name)
        if name is not None and name not in _OUTPUT:
            return name, True
    return own, False
