"""The address of an SSH server as a person writes it: a host, with or without a user and a port.

Not for the store on it (``target``).
"""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple, Protocol

from relstore.errors import ConnectError, TargetError

# ssh(1) refuses these as well: names end up in the command line of a ProxyCommand (CVE-2023-51385).
_UNSAFE = re.compile(r"\A-|[\s'`\"$\\;&<>|(){}\x00-\x1f\x7f]|\A\Z")
_JUMP = re.compile(r"(?:ssh://)?(?:(.+)@)?(\[[^\]@]+\]|[^:@/\[\]]+)(?::([0-9]{1,5}))?/?\Z")


class SSHTarget(Protocol):
    """The parts of a target that a connection needs; None where ssh_config decides."""

    @property
    def user(self) -> str | None: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int | None: ...


class Address(NamedTuple):
    """An SSHTarget by itself."""

    host: str
    user: str | None = None
    port: int | None = None

    @classmethod
    def parse_jump(cls, text: str) -> Address:
        """One hop of a ProxyJump: ``[user@]host[:port]`` or an ssh:// URL. Raises ConnectError."""
        match = _JUMP.match(text)
        if match is None:
            raise ConnectError(
                f"{text!r} in ProxyJump is not a host",
                hint="Write [user@]host[:port]; separate several with commas.",
            )
        user, host, port = match.groups()
        return cls(host.strip("[]"), user, int(port) if port else None)


def check_address(target: SSHTarget) -> None:
    """Raises TargetError for a user or host that would be dangerous in a shell's command line."""
    for kind, text in (("host", target.host), ("user", target.user)):
        if text is not None and _UNSAFE.search(text):
            raise TargetError(f"{text[:80]!r} cannot be the name of a {kind}")


def label_of(target: SSHTarget) -> str:
    """``user@host:port``, without the parts that are not given."""
    host = f"[{target.host}]" if ":" in target.host and target.port else target.host
    user = f"{target.user}@" if target.user else ""
    return f"{user}{host}{f':{target.port}' if target.port else ''}"


def ssh_command(target: SSHTarget) -> str:
    """The command with which a person logs in there by hand."""
    port = ["-p", str(target.port)] if target.port else []
    user = f"{target.user}@" if target.user else ""
    return shlex.join(["ssh", *port, f"{user}{target.host}"])
