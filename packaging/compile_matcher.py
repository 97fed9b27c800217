"""Compiles the matcher (``relstore/client/transfer/delta/matcher.c``) to a shared library, where it can be.

``python packaging/compile_matcher.py OUTPUT`` uses the compiler that CC names, else ``cc``. Only the standard
library, and no Python headers: the library is called by ctypes. Exit code 3: there is no compiler.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "relstore" / "client" / "transfer" / "delta" / "matcher.c"
LIBRARY = SOURCE.with_name("libmatcher.so.1")
"""Where a checkout has it."""

NO_COMPILER = 3
_FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-fPIC", "-shared", "-fvisibility=default")


def compiler(environment: Mapping[str, str]) -> list[str]:
    """The words that start the compiler; none where there is no compiler."""
    words = shlex.split(environment.get("CC", "")) or ["cc"]
    return words if shutil.which(words[0]) else []


def compile_to(output: Path, words: Sequence[str], *more: str) -> None:
    """Put the library at ``output`` at once, or not at all. Raises CalledProcessError."""
    new = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        subprocess.run([*words, *_FLAGS, *more, "-o", str(new), str(SOURCE)], check=True)
        new.replace(output)
    finally:
        new.unlink(missing_ok=True)


def main() -> int:
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else LIBRARY
    words = compiler(os.environ)
    if not words:
        print("there is no C compiler, so relstore will make zstd deltas and no patches", file=sys.stderr)
        return NO_COMPILER
    compile_to(output, words)
    return 0


if __name__ == "__main__":
    sys.exit(main())
