"""Messages about a host's key: why the connection was refused, or that a new key was accepted. Pure.

A key is the text ``ED25519 SHA256:…``, as ssh prints it. Not for comparing keys (``ssh.known_hosts``).
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from relstore.client.connection.transport.address import SSHTarget, label_of, ssh_command
from relstore.errors import HostKeyError

_STATE = "Nothing was sent to the host."


def unknown(key: str, target: SSHTarget, file: str) -> HostKeyError:
    """The error for a host that nothing is known about; ``file`` is where a person would add its key."""
    kind = key.partition(" ")[0].lower()
    return HostKeyError(
        f"the host's key is not known: {key}",
        state=_STATE,
        hint=(
            "Compare the fingerprint with the host's own (there: `ssh-keygen -lf /etc/ssh/ssh_host_"
            f"{kind}_key.pub`). If they are the same, run `{ssh_command(target)}` "
            f"once and accept it, or add the host to {file} with ssh-keyscan."
        ),
    )


def changed(key: str, known: str, path: str, name: str, target: SSHTarget) -> HostKeyError:
    """``known``: what is known instead, and where; ``path``, ``name``: what is to be removed."""
    remove = shlex.join(["ssh-keygen", "-f", path, "-R", name])
    return HostKeyError(
        f"the host's key has CHANGED: it is {key}, but {known}",
        state=_STATE,
        hint=(
            "Either the host was reinstalled, or somebody is intercepting the connection. Only if you know "
            f"that it was reinstalled: `{remove}`, then accept the new key with `{ssh_command(target)}`."
        ),
    )


def revoked(lines: Sequence[str]) -> HostKeyError:
    """The error for a key or an authority that one of ``lines`` (``path:line``) revokes."""
    return HostKeyError(
        f"the host's key is marked as revoked in {', '.join(lines)}",
        state=_STATE,
        hint="Ask whoever runs the host: somebody else may have that key.",
    )


def unknown_authority(authority: str, file: str) -> HostKeyError:
    """The error for a host certificate that an unknown authority has signed."""
    return HostKeyError(
        f"the host's certificate is signed by an unknown authority: {authority}",
        state=_STATE,
        hint=f"If that authority is yours, give it a @cert-authority line for this host in {file}.",
    )


def invalid(reason: str) -> HostKeyError:
    """The error for a certificate that has expired or belongs to another host, or for an invalid key."""
    return HostKeyError(
        f"the host cannot prove its identity: {reason}",
        state=_STATE,
        hint="Have whoever signs your hosts' certificates give it a new one.",
    )


def of_jump(said: str) -> HostKeyError:
    """The error for the key of a host on the way, about which ssh has only said so much."""
    return HostKeyError(
        f"the key of a jump host is not accepted: {said}",
        state=_STATE,
        hint="Log in to the jump host once with ssh, compare its fingerprint, and accept it.",
    )


def accepted(key: str, target: SSHTarget, file: str, problem: str = "") -> str:
    """The notice for a new key that ssh_config, or a person, says to accept."""
    where = f"but could not be added to {file} ({problem})" if problem else f"and added to {file}"
    return f"{label_of(target)}: new host key {key} accepted (StrictHostKeyChecking) {where}"
