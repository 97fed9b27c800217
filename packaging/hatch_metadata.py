"""What the metadata of a package says about where its project is: only what whoever releases it knows.

RELSTORE_PROJECT_URL names the repository, as the release workflow does. Without it a package has no URLs, and
its description is README.md as it is. With it, the links of that lead to the repository at the version's tag.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?P<image>!?)(?P<text>\[[^\]]*\])\((?!https?:|mailto:|#)(?P<path>[^)\s]+)\)")
_SOURCE = re.compile(r'(?P<name>src|srcset)="(?!https?:)(?P<path>[^"\s]+)"')


class ProjectHook(MetadataHookInterface):
    """URLs and the description."""

    def update(self, metadata: dict[str, Any]) -> None:
        url = os.environ.get("RELSTORE_PROJECT_URL", "").rstrip("/")
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        if url:
            metadata["urls"] = urls(url)
            text = absolute(text, url, f"v{metadata['version']}")
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def urls(project: str) -> dict[str, str]:
    """By the names that package indexes know."""
    return {
        "Homepage": project,
        "Repository": project,
        "Documentation": f"{project}/tree/main/docs",
        "Changelog": f"{project}/blob/main/CHANGELOG.md",
        "Issues": f"{project}/issues",
    }


def absolute(text: str, project: str, tag: str) -> str:
    """The README with the links of a page that is not in the repository."""

    def link(found: re.Match[str]) -> str:
        way = "raw" if found["image"] else "blob"
        return f"{found['image']}{found['text']}({project}/{way}/{tag}/{found['path']})"

    text = _SOURCE.sub(rf'\g<name>="{project}/raw/{tag}/\g<path>"', text)
    # An image may be the text of a link: first the images, then what is around them.
    images = re.compile(_LINK.pattern.replace("(?P<image>!?)", "(?P<image>!)"))
    return _LINK.sub(lambda found: found[0] if found["image"] else link(found), images.sub(link, text))
