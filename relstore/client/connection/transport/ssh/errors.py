"""Why a connection by asyncssh could not be made: which of the messages of ``login_errors`` it is.

Not for messages about host keys (``host_key_errors``).
"""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

import asyncssh

from relstore.client.connection import capacity
from relstore.client.connection.transport import host_key_errors, login_errors
from relstore.client.connection.transport.address import SSHTarget
from relstore.client.connection.transport.login_errors import Stage
from relstore.client.connection.transport.ssh.config import HostSettings
from relstore.client.connection.transport.ssh.known_hosts import Entry, KeyVerdict, Standing
from relstore.client.connection.transport.ssh.login import Client
from relstore.errors import ConnectError, ConnectionLostError


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
        return login_errors.place(self.settings.host, self.settings.port)


def explain(exc: Exception, attempt: Attempt) -> ConnectError:
    """The error to raise instead of ``exc``, which ended ``attempt``."""
    where, stage = attempt.where, attempt.client.stage
    match exc:
        case asyncssh.HostKeyNotVerifiable():
            return _host_key(exc, attempt)
        case asyncssh.PermissionDenied():
            return _denied(attempt)
        case asyncssh.DisconnectError() if "too many authentication" in exc.reason.lower():
            return login_errors.too_many_keys(attempt.settings.user, attempt.client.identities.offered)
        case asyncssh.KeyExchangeFailed():
            return login_errors.no_algorithm(where, exc.reason)
        case asyncssh.ChannelOpenError():
            return login_errors.behind_jump(where, attempt.jump, exc.reason)
        case asyncssh.Error():
            return _broken_off(exc.reason, attempt)
        case TimeoutError():
            return login_errors.timed_out(where, stage, attempt.timeout)
        case OSError() if stage is not Stage.REACHING:
            return _broken_off(exc.strerror or str(exc), attempt)
        case socket.gaierror():
            return login_errors.unresolved(where, str(exc.strerror))
        case OSError() if (too_many := capacity.explain(exc)) is not None:
            return too_many
        case OSError():
            return login_errors.unreachable(where, _errno(exc), exc.strerror or str(exc))
    return login_errors.other(where, str(exc))


def connection_lost(exc: Exception | None) -> ConnectionLostError:
    """The error for a connection that broke off; ``exc`` is asyncssh's reason."""
    return login_errors.broken_off(str(exc) if exc else "the host hung up")


def _host_key(exc: asyncssh.HostKeyNotVerifiable, attempt: Attempt) -> ConnectError:
    verdict, authority = attempt.client.verdict, attempt.client.unknown_authority
    file = attempt.settings.user_known_hosts[0] if attempt.settings.user_known_hosts else "known_hosts"
    if attempt.revoked and "revoked" in exc.reason:
        return host_key_errors.revoked([f"{entry.path}:{entry.line}" for entry in attempt.revoked])
    if authority is not None:
        return host_key_errors.unknown_authority(str(authority), file)
    if verdict is not None and verdict.standing is not Standing.TRUSTED:
        return _refused(verdict, attempt.target, file)
    return host_key_errors.invalid(login_errors.short(exc.reason))


def _refused(verdict: KeyVerdict, target: SSHTarget, file: str) -> ConnectError:
    if verdict.standing is not Standing.CHANGED:
        return host_key_errors.unknown(str(verdict.key), target, file)
    same_type = [entry for entry in verdict.others if entry.key.type == verdict.key.type]
    old = (same_type or list(verdict.others))[0]
    known = f"{old.path}:{old.line} has {old.key}"
    return host_key_errors.changed(str(verdict.key), known, old.path, verdict.name, target)


def _denied(attempt: Attempt) -> ConnectError:
    identities = attempt.client.identities
    return login_errors.denied(
        attempt.settings.user,
        offered=identities.offered,
        locked=identities.locked,
        unusable=identities.unusable,
        methods=attempt.client.methods,
    )


def _broken_off(reason: str, attempt: Attempt) -> ConnectError:
    if attempt.proxy_said:
        return login_errors.proxy_said(attempt.where, attempt.proxy_said)
    if attempt.settings.proxy_command is not None and attempt.client.stage is not Stage.LOGGING_IN:
        return login_errors.proxy_ended(attempt.where, reason)
    return login_errors.hung_up(attempt.where, attempt.client.stage, reason)


def _errno(exc: OSError) -> int:
    # When all addresses of a name failed, asyncio gives the reasons only in the text.
    numbers = set(re.findall(r"\[Errno ([0-9]+)\]", str(exc)))
    return int(numbers.pop()) if len(numbers) == 1 else 0
