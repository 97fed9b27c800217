"""What makes a site of the documents as they are written for the repository; MkDocs calls it (mkdocs.yml).

The README becomes the front page, and what lies outside docs/ and is linked becomes a page. A block that
becomes a file gets its name as a title; what only the tests run is left out; diagrams become the drawings
that are in the repository. Not for what a page says.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DIAGRAMS = ROOT / "docs/images/diagrams"
DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
_FILE = re.compile(
    r"(?:^(?P<where>On the host, )?`\S+`:\n\n)?"
    r"^<!-- (?:host )?file: (?P<name>\S+) -->\n\n```(?P<language>\w*)\n",
    re.MULTILINE,
)
_SETUP = re.compile(r"^<!-- setup\n.*?-->\n\n?", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(\]\()([^)\s:]+?)((?:#[^)\s]*)?\))")


def drawing_of(source: str) -> Path:
    """Where the drawing of a diagram is."""
    return DIAGRAMS / f"{hashlib.sha256(source.encode()).hexdigest()[:16]}.svg"


def on_files(files: Any, config: Any) -> Any:
    # MkDocs is there when it calls this, but not where the drawings are made or the documents are tested.
    from mkdocs.structure.files import File

    for source, name in _PAGES.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    return as_page(markdown, page.file.src_uri)


def as_page(text: str, name: str) -> str:
    """The Markdown of the page ``name`` of the site."""
    text = _SETUP.sub("", text)
    text = _FILE.sub(_titled, text)
    text = DIAGRAM.sub(lambda match: _drawn(match[1]), text)
    pieces = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    moved = name in _PAGES.values()
    return "".join(
        piece if piece.startswith("```") else _LINK.sub(lambda match: _led(match, name, moved), piece)
        for piece in pieces
    )


def _titled(match: re.Match[str]) -> str:
    """The beginning of a block that becomes a file; a line that only names it is the title now."""
    where = match["where"] or ""
    return f'```{match["language"]} title="{where}{match["name"]}"\n'


def _drawn(source: str) -> str:
    path = drawing_of(source)
    if not path.exists():
        raise FileNotFoundError(f"{path.name}: a diagram has changed; run `make diagrams`")
    return f'<div class="diagram">{path.read_text("utf-8").strip()}</div>'


def _led(match: re.Match[str], name: str, moved: bool) -> str:
    """A link as it must be in the site."""
    target = match[2]
    up = "../" * name.count("/")
    if moved:
        target = _PAGES.get(target, target.removeprefix("docs/"))
    for source, page in _PAGES.items():
        if not moved and target == f"{up}../{source}":
            target = f"{up}{page}"
    return match[1] + target + match[3]
