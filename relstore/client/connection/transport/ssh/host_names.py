"""The hosts that ssh_config names, for the completion of the shell.

Not for what it says about them (``config``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from relstore.client.connection.transport.ssh.config_lines import HOST, config_lines

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)


def host_names(paths: Sequence[str], home: str) -> list[str]:
    """The names without wildcards in the files ``paths`` and in what they include, in their order."""
    lines = (line for line in config_lines(paths, home) if line.kind == HOST)
    return list(dict.fromkeys(name for line in lines for name in line.words if _NAME.fullmatch(name)))
