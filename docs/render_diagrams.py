"""Draws the diagrams of the documents as files of docs/images/diagrams, for the site, which runs no Mermaid.

    make diagrams

It needs Chromium and npm's package mermaid, whose mermaid.min.js is the argument. A file is named by the
digest of what it was made from, so the build of the site notices a diagram that has changed. Not for a
forge, which draws them itself.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from site_hooks import DIAGRAM, DIAGRAMS, drawing_of  # noqa: E402

from tests.support.browser import browser  # noqa: E402

_CONFIGURATION = {
    "startOnLoad": False,
    "theme": "neutral",
    "fontFamily": "system-ui, sans-serif",
    "flowchart": {"htmlLabels": False},
}


def main(mermaid: Path) -> None:
    sources = {
        drawing_of(match[1]): match[1]
        for page in sorted((ROOT / "docs").glob("**/*.md"))
        for match in DIAGRAM.finditer(page.read_text("utf-8"))
    }
    DIAGRAMS.mkdir(exist_ok=True)
    for old in set(DIAGRAMS.glob("*.svg")) - set(sources):
        old.unlink()
    with tempfile.TemporaryDirectory() as directory, browser() as tab:
        page = Path(directory, "page.html")
        page.write_text(f'<meta charset="utf-8"><script src="{mermaid.resolve().as_uri()}"></script>')
        tab.show(page.as_uri(), 1200, dark=False)
        tab.value(f"mermaid.initialize({json.dumps(_CONFIGURATION)})")
        for path, source in sources.items():
            call = f'mermaid.render("d{path.stem}", {json.dumps(source)}).then((drawn) => drawn.svg)'
            path.write_text(tab.value(call).replace("\n", " ") + "\n", encoding="utf-8")
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
