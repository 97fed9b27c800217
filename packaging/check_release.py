"""Whether a release may be made of this checkout: ``python packaging/check_release.py v0.2.0``.

The tag, ``relstore.__version__`` and the changelog must say the same version. Not for whether the tests pass.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from compile_matcher import ROOT

_SECTION = re.compile(r"^## (Unreleased|\d+\.\d+\.\d+)(?: - \d{4}-\d{2}-\d{2})?$", re.MULTILINE)


def problems(tag: str, version: str, changelog: str) -> list[str]:
    """Why not."""
    found = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, and the program says {version}")
    sections = _SECTION.split(changelog)[1:]
    texts = dict(zip(sections[::2], sections[1::2]))
    if texts.get("Unreleased", "").strip():
        found.append("CHANGELOG.md has changes that are not released")
    newest = next((name for name in texts if name != "Unreleased"), "none")
    if newest != version:
        found.append(
            f"the newest version in CHANGELOG.md is {newest}, and relstore/__init__.py says {version}"
        )
    return found


def version_of(root: Path) -> str:
    """As hatchling reads it. Raises SystemExit."""
    source = (root / "relstore" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if found is None:
        raise SystemExit("relstore/__init__.py says no version")
    return found[1]


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = problems(sys.argv[1], version_of(ROOT), changelog)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
