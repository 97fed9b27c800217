"""How many hosts this process can be connected to at once: its limit of open files is what ends first.

Not for taking turns (``fleet.turns``), nor for the bound on logins through one jump host (``jumps``).
"""

from __future__ import annotations

import errno
import resource

from relstore.errors import ConnectError

_RESERVED = 48
"""What the program itself may have open: streams, the loop, caches, files that are sent."""
_LOGIN = 8
"""What comes and goes while one connection is made: the pipes of ``ssh -G``, and its files."""
_SSH = 2
_PROCESS = 4
"""What a connection keeps open."""
_MAX_LOGINS = 16
_MAX_PROCESS_LOGINS = 8
"""An sshd begins to turn logins away when ten are under way (MaxStartups)."""


def logins_at_once() -> int:
    """How many connections may be in the making."""
    return max(1, min(_MAX_LOGINS, (_soft() - _RESERVED) // (2 * _LOGIN)))


def process_logins_at_once() -> int:
    """How many may be in the making by ssh(1) or a ProxyCommand, each a login to the jump host as well."""
    return min(_MAX_PROCESS_LOGINS, logins_at_once())


def hosts_at_once(hosts: int, *, processes: bool) -> int:
    """How many of so many hosts may be connected to at the same time, at least one.

    The soft limit of open files is raised as far as that needs and the hard limit allows. ``processes``:
    some are reached by a process with pipes, as a store on this machine and one by ssh(1) are.
    """
    each = _PROCESS if processes else _SSH
    _raise_to(_RESERVED + _LOGIN * _MAX_LOGINS + each * hosts)
    return max(1, min(hosts, (_soft() - _RESERVED - _LOGIN * logins_at_once()) // each))


def explain(error: OSError) -> ConnectError | None:
    """What is to be said when this machine has run out of open files; None for any other error."""
    if error.errno not in (errno.EMFILE, errno.ENFILE):
        return None
    whose = "this process" if error.errno == errno.EMFILE else "this machine"
    return ConnectError(
        f"no connection could be made, because {whose} has too many open files (the limit is {_soft()})",
        state="Nothing was sent to the host.",
        hint="Raise the limit (`ulimit -n 1024`; `ulimit -Hn` says how far) and run the command again.",
    )


def _soft() -> int:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft


def _raise_to(wanted: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if wanted > _soft():
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
