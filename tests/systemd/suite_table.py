"""``make suites``: run the story at a host of each of Debian's suites, print the table, and write it to docs/suites.md.

The table says what happened in this run and nothing else: a suite whose tree cannot be made has no column.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.hosts.suites import SUITES

DOCUMENT = Path(__file__).parents[2] / "docs/suites.md"
_TABLE = re.compile(r"(?s)(?<=<!-- table -->\n\n).*?(?=\n\n<!-- end of table -->)")
_TEST = Path(__file__).with_name("test_suites.py")
FAILED = "**failed**"

Happened = Mapping[str, str]
"""At one host, by row: the version of a program, or what came of a step."""


def table(happened: Mapping[str, Happened]) -> str:
    """Markdown, with a column for each suite."""
    suites = list(happened)
    rows = dict.fromkeys(row for of_suite in happened.values() for row in of_suite)
    lines = [["", *suites], ["---"] * (len(suites) + 1)]
    lines += [[row, *(happened[suite].get(row, "not run") for suite in suites)] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def documented(suite: str) -> Happened:
    """The column of docs/suites.md; empty if it has none."""
    shown = _TABLE.search(DOCUMENT.read_text())
    assert shown is not None
    head, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in shown[0].splitlines())
    if suite not in head:
        return {}
    return {row[0]: row[head.index(suite)] for row in rows}


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="relstore-suites-") as results:
        environment = {"RELSTORE_SUITES": " ".join(SUITES), "RELSTORE_SUITE_RESULTS": results}
        words = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "load", str(_TEST), *sys.argv[1:]]
        code = subprocess.run(words, env={**os.environ, **environment}, check=False).returncode
        files = [Path(results, suite) for suite in SUITES]
        happened = {file.name: json.loads(file.read_text()) for file in files if file.exists()}
    if not happened:
        print("no suite was run")
        return 1
    made = table(happened)
    print(f"\n{made}\n")
    for suite in SUITES:
        if suite not in happened:
            print(f"{suite}: not run")
    DOCUMENT.write_text(_TABLE.sub(lambda _: made, DOCUMENT.read_text()))
    return code


if __name__ == "__main__":
    sys.exit(main())
