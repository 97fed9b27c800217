"""The one constant command line that starts the helper, the same for every host.

It reads the interpreter's path from its input, so that nothing is ever inserted into it, and tries each
candidate until one is new enough. Light to import. Not for what is sent to it (``bootstrap``).
"""

from __future__ import annotations

OLD_PYTHON = 90
NO_PYTHON = 91
"""Its exit codes."""

COMMAND = (
    "exec /bin/sh -c '"
    "IFS= read -r p; "
    f"r={NO_PYTHON}; "
    "for c in ${p:-python3 /usr/libexec/platform-python}; do "
    'command -v "$c" >/dev/null 2>&1 || continue; '
    '"$c" -I -S -X utf8 -c "import sys; '
    f"sys.version_info < (3, 9) and sys.exit({OLD_PYTHON}); "
    "f = sys.stdin.buffer; "
    'exec(f.read(int(f.readline(9))))"; '
    f"r=$?; [ $r = {OLD_PYTHON} ] || exit $r; "
    "done; "
    "exit $r'"
)
"""Quoted so that sh, csh and fish all understand it."""
