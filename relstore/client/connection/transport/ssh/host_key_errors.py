"""Messages about a host's key: why the connection was refused, or that a new key was accepted.

Not for comparing keys (``known_hosts``).
"""

from __future__ import annotations

import shlex

from relstore.client.connection.transport.address import SSHTarget, label_of, ssh_command
from relstore.client.connection.transport.ssh.host_key import HostKey
from relstore.client.connection.transport.ssh.known_hosts import Entry, KeyVerdict, Standing
from relstore.errors import HostKeyError

_STATE = "Nothing was sent to the host."


def refused(verdict: KeyVerdict, target: SSHTarget, file: str) -> HostKeyError:
    """The error for a key that is not trusted; ``file`` is where a person would add it."""
    if verdict.standing is Standing.CHANGED:
        return _changed(verdict, target)
    return HostKeyError(
        f"the host's key is not known: {verdict.key}",
        state=_STATE,
        hint=(
            "Compare the fingerprint with the host's own (there: `ssh-keygen -lf /etc/ssh/ssh_host_"
            f"{verdict.key.label.lower()}_key.pub`). If they are the same, run `{ssh_command(target)}` "
            f"once and accept it, or add the host to {file} with ssh-keyscan."
        ),
    )


def revoked(entries: tuple[Entry, ...]) -> HostKeyError:
    """The error for a key or an authority that one of ``entries`` revokes."""
    lines = ", ".join(f"{entry.path}:{entry.line}" for entry in entries)
    return HostKeyError(
        f"the host's key is marked as revoked in {lines}",
        state=_STATE,
        hint="Ask whoever runs the host: somebody else may have that key.",
    )


def unknown_authority(authority: HostKey, file: str) -> HostKeyError:
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


def accepted(verdict: KeyVerdict, target: SSHTarget, file: str, problem: str = "") -> str:
    """The notice for a new key that ssh_config says to accept."""
    where = f"but could not be added to {file} ({problem})" if problem else f"and added to {file}"
    return f"{label_of(target)}: new host key {verdict.key} accepted (StrictHostKeyChecking) {where}"


def _changed(verdict: KeyVerdict, target: SSHTarget) -> HostKeyError:
    same_type = [entry for entry in verdict.others if entry.key.type == verdict.key.type]
    old = (same_type or list(verdict.others))[0]
    remove = shlex.join(["ssh-keygen", "-f", old.path, "-R", verdict.name])
    return HostKeyError(
        f"the host's key has CHANGED: it is {verdict.key}, but {old.path}:{old.line} has {old.key}",
        state=_STATE,
        hint=(
            "Either the host was reinstalled, or somebody is intercepting the connection. Only if you know "
            f"that it was reinstalled: `{remove}`, then accept the new key with `{ssh_command(target)}`."
        ),
    )
