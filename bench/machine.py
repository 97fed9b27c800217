"""On which machine the figures were taken, in one sentence for the page."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path


def describe() -> str:
    """Processor, cores, kernel, Python, and the versions of the programs that all tools share."""
    return ", ".join(
        (
            _processor(),
            f"{os.cpu_count()} cores",
            f"Linux {platform.release()}",
            f"Python {platform.python_version()}",
            _said("ssh", "-V"),
            _said("rsync", "--version"),
        )
    )


def _processor() -> str:
    """The model as /proc/cpuinfo names it; the architecture where it names none, as on most ARM machines."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _said(*words: str) -> str:
    """The first line of what a program says of itself, up to its first comma."""
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    words = (done.stdout or done.stderr).splitlines()[0].partition(",")[0].split()
    return " ".join(word for word in words[:3] if word != "version")
