"""Putting the declared links to data outside among the entries of a build. Pure.

What the artifact has itself is never hidden by a link. Whether the data is there, the host says
(``host.requests.preflight_links``).
"""

from __future__ import annotations

from collections.abc import Sequence

from relstore.errors import ArtifactError
from relstore.formats.data_link import DataLink
from relstore.formats.manifest import Directory, Entry, Symlink
from relstore.formats.paths import parent


def with_links(entries: Sequence[Entry], links: Sequence[DataLink]) -> Sequence[Entry]:
    """The entries with the links. Raises ArtifactError where an entry is in the way."""
    if not links:
        return entries
    by_path = {entry.path: entry for entry in entries}
    filled = {parent(path) for path in by_path}
    for link in links:
        there = by_path.get(link.path)
        if isinstance(there, Directory) and link.path not in filled:
            there = None  # an empty directory says that something belongs there
        if there is not None and there != Symlink(*link):
            raise _in_the_way(link, link.path)
        above = parent(link.path)
        while above:
            if not isinstance(by_path.setdefault(above, Directory(above)), Directory):
                raise _in_the_way(link, above)
            filled.add(above)
            above = parent(above)
        by_path[link.path] = Symlink(*link)
    return list(by_path.values())


def _in_the_way(link: DataLink, path: str) -> ArtifactError:
    return ArtifactError(
        f"the artifact has {path!r}, where `link` leads from {link.path!r} to {link.target}",
        path=path,
        state="Nothing was sent.",
        hint=f"Leave it out of the artifact with --exclude {'/' + path!r}, or remove the link.",
    )
