"""Starting a job so that it outlives the session: nohup, a session of its own, no shared streams.

Not for what the job does (``job``).
"""

from __future__ import annotations

import os
import subprocess
import sys

from relstore.errors import StoreError
from relstore.host.jobs import DONE, LOG, Job, JobState
from relstore.store.journal import FAILED
from relstore.store.names import AppName

METHOD = "nohup"


def start(helper: str, root: str, app: AppName, job: Job, lock: int) -> None:
    """Start the process of ``job``; it inherits ``lock``, which it holds for as long as it lives.

    ``helper``: the path of the unpacked helper. The environment is the session's. Raises StoreError.
    """
    # Readable too: the job quotes the end of its log in the record of a failure.
    log = os.open(LOG, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW, dir_fd=job.directory.fd)
    try:
        process = subprocess.Popen(
            [METHOD, sys.executable, "-I", "-S", "-X", "utf8", helper, "job", root, app, job.id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(lock,),
            cwd="/",
        )
    except OSError as error:
        problem = f"the job could not be started: {METHOD}: {error.strerror}"
        job.write_state(JobState(DONE, 0, FAILED, 0, problem))
        raise StoreError(
            problem,
            state="Nothing was switched; the generation is stored.",
            hint=f"The host needs {METHOD} (coreutils or busybox) on the account's PATH.",
        ) from None
    finally:
        os.close(log)
        os.close(lock)
    # It is not waited for: it belongs to the host from here on.
    process.returncode = 0
