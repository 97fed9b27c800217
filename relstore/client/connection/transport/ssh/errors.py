"""Why a connection could not be made, in words that a person can act on.

Not for messages about host keys (``host_key_errors``).
"""

from __future__ import annotations

import errno
import re
import socket
from typing import NamedTuple

import asyncssh

from relstore.client.connection import capacity
from relstore.client.connection.transport.address import SSHTarget
from relstore.client.connection.transport.ssh import host_key_errors
from relstore.client.connection.transport.ssh.config import HostSettings
from relstore.client.connection.transport.ssh.known_hosts import Entry, Standing
from relstore.client.connection.transport.ssh.login import Client, Stage
from relstore.errors import ConnectError, ConnectionLostError

_STATE = "Nothing was sent to the host."
_MAX_REASON = 300

_BY_ERRNO = {
    errno.ECONNREFUSED: (
        "refuses the connection",
        "Is sshd running there, on that port, and does a firewall let you through?",
    ),
    errno.EHOSTUNREACH: (
        "cannot be reached: no route to host",
        "Is it up, and are you on the right network?",
    ),
    errno.ENETUNREACH: ("cannot be reached: no network", "Are you connected to a network that leads there?"),
}


class Attempt(NamedTuple):
    """One failed attempt, with all that is known about it. ``jump`` and ``proxy_said`` may be ``""``."""

    target: SSHTarget
    settings: HostSettings
    client: Client
    timeout: float
    revoked: tuple[Entry, ...] = ()
    jump: str = ""
    proxy_said: str = ""

    @property
    def where(self) -> str:
        """``host:port`` as it was really dialled."""
        host = self.settings.host
        return f"[{host}]:{self.settings.port}" if ":" in host else f"{host}:{self.settings.port}"


def explain(exc: Exception, attempt: Attempt) -> ConnectError:
    """The error to raise instead of ``exc``, which ended ``attempt``."""
    match exc:
        case asyncssh.HostKeyNotVerifiable():
            return _host_key(exc, attempt)
        case asyncssh.PermissionDenied():
            return _denied(attempt)
        case asyncssh.DisconnectError() if "too many authentication" in exc.reason.lower():
            return _too_many_keys(attempt)
        case asyncssh.KeyExchangeFailed():
            return _error(
                attempt, f"supports no algorithm that this client offers: {_short(exc.reason)}", _ALGORITHMS
            )
        case asyncssh.ChannelOpenError():
            return _error(
                attempt,
                f"cannot be reached from {attempt.jump}, the jump host: {_short(exc.reason)}",
                f"Does {attempt.where} accept connections, and does that sshd allow forwarding?",
            )
        case asyncssh.Error():
            return _broken_off(exc.reason, attempt)
        case TimeoutError():
            return _timeout(attempt)
        case OSError() if attempt.client.stage is not Stage.REACHING:
            return _broken_off(exc.strerror or str(exc), attempt)
        case socket.gaierror():
            return _error(
                attempt,
                f"cannot be reached: the name cannot be resolved ({exc.strerror})",
                "Check the spelling; define your own name in ~/.ssh/config as a Host with a HostName.",
            )
        case OSError() if (too_many := capacity.explain(exc)) is not None:
            return too_many
        case OSError():
            unknown = (f"cannot be reached: {exc.strerror or _short(str(exc))}", _NETWORK)
            what, hint = _BY_ERRNO.get(_errno(exc), unknown)
            return _error(attempt, what, hint)
    return _error(attempt, f"cannot be connected to: {_short(str(exc))}", _BY_HAND)


def connection_lost(exc: Exception | None) -> ConnectionLostError:
    """The error for a connection that broke off; ``exc`` is asyncssh's reason."""
    reason = _short(str(exc)) if exc else "the host hung up"
    return ConnectionLostError(
        f"the connection broke off: {reason}",
        hint=ConnectionLostError.HINT,
    )


_ALGORITHMS = (
    "Its sshd is very old, or Ciphers, KexAlgorithms or HostKeyAlgorithms in ~/.ssh/config exclude it."
)
_NETWORK = "Check the address, the port and the network."
_BY_HAND = "Run `ssh -v` to the same host for details."


def _error(attempt: Attempt, what: str, hint: str) -> ConnectError:
    return ConnectError(f"{attempt.where} {what}", state=_STATE, hint=hint)


def _host_key(exc: asyncssh.HostKeyNotVerifiable, attempt: Attempt) -> ConnectError:
    verdict, authority = attempt.client.verdict, attempt.client.unknown_authority
    file = attempt.settings.user_known_hosts[0] if attempt.settings.user_known_hosts else "known_hosts"
    if attempt.revoked and "revoked" in exc.reason:
        return host_key_errors.revoked(attempt.revoked)
    if authority is not None:
        return host_key_errors.unknown_authority(authority, file)
    if verdict is not None and verdict.standing is not Standing.TRUSTED:
        return host_key_errors.refused(verdict, attempt.target, file)
    return host_key_errors.invalid(_short(exc.reason))


def _denied(attempt: Attempt) -> ConnectError:
    identities = attempt.client.identities
    notes = [f"Keys offered: {', '.join(identities.offered) or 'none'}."]
    if identities.locked:
        notes.append(f"Locked by a passphrase and not in the agent: {', '.join(identities.locked)}.")
    if identities.unusable:
        notes.append(f"Could not be used: {'; '.join(identities.unusable)}.")
    notes.append(f"The host accepts: {', '.join(attempt.client.methods) or 'no method that relstore has'}.")
    if identities.locked:
        hint = f"`ssh-add {identities.locked[0]}` unlocks the key for relstore and ssh alike."
    elif identities.offered:
        hint = (
            "Add one of these keys to authorized_keys there (ssh-copy-id), or name the right user and key "
            "(User, IdentityFile) in ~/.ssh/config."
        )
    else:
        hint = "Make a key with `ssh-keygen -t ed25519` and install it on the host with ssh-copy-id."
    return ConnectError(
        f"the host does not let us in as {attempt.settings.user}", state=" ".join(notes), hint=hint
    )


def _too_many_keys(attempt: Attempt) -> ConnectError:
    offered = attempt.client.identities.offered
    user = attempt.settings.user
    return ConnectError(
        f"the host hung up after {len(offered)} keys that it does not accept for {user}",
        state=f"Keys offered: {', '.join(offered)}.",
        hint="Name the right one for this host in ~/.ssh/config: IdentityFile, and IdentitiesOnly yes.",
    )


def _timeout(attempt: Attempt) -> ConnectError:
    match attempt.client.stage:
        case Stage.REACHING:
            return _error(attempt, f"did not answer within {attempt.timeout:g} s", _NETWORK)
        case Stage.GREETING:
            return _error(
                attempt,
                f"accepted the connection, but did not answer as an SSH server within {attempt.timeout:g} s",
                "Is that the port of an SSH server? If so, the machine may be overloaded.",
            )
        case Stage.LOGGING_IN:
            return _error(
                attempt,
                "did not finish the login in time",
                "A security key or an agent may be waiting for you to confirm, or the host is overloaded.",
            )


def _broken_off(reason: str, attempt: Attempt) -> ConnectError:
    if attempt.proxy_said:
        said = f"the ProxyCommand said: {_short(attempt.proxy_said)}"
        return _error(attempt, f"cannot be reached: {said}", _PROXY)
    if attempt.settings.proxy_command is not None and attempt.client.stage is not Stage.LOGGING_IN:
        return _error(attempt, f"cannot be reached: the ProxyCommand ended: {_short(reason)}", _PROXY)
    if attempt.client.stage is Stage.LOGGING_IN:
        return _error(attempt, f"hung up during the login: {_short(reason)}", "Its sshd's log says why.")
    return _error(
        attempt,
        f"hung up before the login: {_short(reason)}",
        "It may not be an SSH server, or it may refuse you (MaxStartups, a ban after failed logins).",
    )


_PROXY = "Run the ProxyCommand from ~/.ssh/config by hand to see what is wrong with it."


def _errno(exc: OSError) -> int:
    # When all addresses of a name failed, asyncio gives the reasons only in the text.
    numbers = set(re.findall(r"\[Errno ([0-9]+)\]", str(exc)))
    return int(numbers.pop()) if len(numbers) == 1 else 0


def _short(text: str) -> str:
    return text if len(text) <= _MAX_REASON else f"{text[:_MAX_REASON]}…"
