"""How ssh(1) is told which configuration files are the account's.

Not for what they mean: ssh says that itself (``ssh.ssh_answer``), or does it (``openssh``).
"""

from __future__ import annotations

import glob
import os
import pwd
from collections.abc import Callable

from relstore.client.ssh_program import SYSTEM_SSH_CONFIG


def arguments(paths: tuple[str, ...], write: Callable[[str], str], defaults: str = "") -> list[str]:
    """Nothing where ssh reads the ``paths`` by itself; otherwise ``-F`` with a file that includes them.

    ``write`` makes a file of a text and gives its path; ``defaults``: lines that it ends with.
    Raises KeyError for an account without an entry in passwd, for which ssh does not run.
    """
    if paths == (os.path.join(ssh_home(), ".ssh", "config"), SYSTEM_SSH_CONFIG):
        return []
    includes = [f'Include "{glob.escape(path)}"\n' for path in paths]
    return ["-F", write("".join(includes) + defaults)]


def ssh_home() -> str:
    """Where ssh looks for the account's files, whatever HOME says. Raises KeyError."""
    return pwd.getpwuid(os.getuid()).pw_dir
