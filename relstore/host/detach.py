"""Starting a job so that it outlives the session: nohup, a session of its own, no shared streams.

Not for what the job does (``job``).
"""

from __future__ import annotations

import os
import subprocess
import sys

from relstore.host.jobs import LOG, Job
from relstore.store.names import AppName

METHOD = "nohup"


def start(helper: str, root: str, app: AppName, job: Job, lock: int) -> None:
    """Start the process of ``job``; it inherits ``lock``, which it holds for as long as it lives.

    ``helper``: the path of the unpacked helper. The environment is the session's.
    """
    log = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW, dir_fd=job.directory.fd)
    try:
        process = subprocess.Popen(
            [METHOD, sys.executable, "-I", "-S", helper, "job", root, app, job.id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(lock,),
            cwd="/",
        )
    finally:
        os.close(log)
        os.close(lock)
    # It is not waited for: it belongs to the host from here on.
    process.returncode = 0
