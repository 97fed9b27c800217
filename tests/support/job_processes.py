"""The processes of jobs, as the kernel tells of them: a job writes to its log, whatever its command line says."""

from __future__ import annotations

import os
import re
from pathlib import Path

_LOG = re.compile(r"(?P<store>.*)/apps/[^/]+/jobs/(?P<job>[^/]+)/log")


def job_processes() -> dict[int, tuple[Path, str]]:
    """By process: the store, as that process names it, and the job."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                match = _LOG.fullmatch(os.readlink(f"/proc/{name}/fd/1"))
            except OSError:
                continue  # it has ended
            if match is not None:
                found[int(name)] = Path(match["store"]), match["job"]
    return found


def process_of(job: str) -> int:
    """The process of the job; 0 where it has ended."""
    return next((pid for pid, (_, ident) in job_processes().items() if ident == job), 0)
