"""Why a connection by ssh(1) could not be made, or broke off: which of the usual messages it is. Pure.

ssh has one exit code for all of it, 255, so its words are recognised; with others it is quoted. Not for
reading its log (``log``).
"""

from __future__ import annotations

import errno
import re
from typing import NamedTuple

from relstore.client.connection.transport import host_key_errors, login_errors
from relstore.client.connection.transport.address import SSHTarget
from relstore.client.connection.transport.login_errors import Stage
from relstore.client.connection.transport.openssh.log import SSHLog
from relstore.client.connection.transport.patience import says_turned_away
from relstore.errors import ConnectError, ConnectionLostError

SSH_FAILED = 255
"""The exit code of ssh when it is ssh that failed."""

_KNOWN_HOSTS = "known_hosts"
_BY_WORDS = {
    "Connection refused": errno.ECONNREFUSED,
    "No route to host": errno.EHOSTUNREACH,
    "Network is unreachable": errno.ENETUNREACH,
}
_HUNG_UP = (
    r"^(?:kex_exchange_identification|ssh_exchange_identification|banner exchange): (.*)",
    r"^(Received disconnect from .*)",
    r"^(Connection (?:closed|reset) by .*)",
    r"^(Bad remote protocol version identification: .*)",
    r"^(Protocol major versions differ: .*)",
    r"^(?:Read|Write) .*: (.*)",
    r"^(ssh_dispatch_run_fatal: .*)",
)
_CERTIFICATE = r"^Certificate invalid: (.*)|^(Certificate .*(?:expired|not yet valid).*)"


class SSHAttempt(NamedTuple):
    """One attempt that failed: who was called, and all that was heard."""

    target: SSHTarget
    user: str
    """Whom we log in as, where the log does not tell."""
    log: SSHLog
    stderr: str
    """What did not come from this ssh: from a ProxyCommand, a jump host's ssh, or the host."""
    code: int
    """The exit code; negative for a signal."""

    @property
    def where(self) -> str:
        """``host:port`` as it was really dialled, as far as is known."""
        if self.log.dialled is not None:
            return login_errors.place(*self.log.dialled)
        return (
            login_errors.place(self.target.host, self.target.port) if self.target.port else self.target.host
        )

    @property
    def last_words(self) -> str:
        """The last line of what was said to a person."""
        lines = [*_lines(self.stderr)[-1:], *self.log.said]
        return lines[-1] if lines else f"ssh ended with exit code {self.code}"

    @property
    def was_turned_away(self) -> bool:
        """Whether sshd may have had too many logins just then, so that it is worth another attempt."""
        if self.log.stage is not Stage.GREETING:
            return False
        # The ssh that logs in to a jump host has no log of its own.
        return says_turned_away(self.stderr if self.log.is_proxied else "\n".join(self.log.said))


def timed_out(attempt: SSHAttempt, seconds: float) -> ConnectError:
    """The error for an ssh that was ended because it took too long."""
    return login_errors.timed_out(attempt.where, attempt.log.stage, seconds)


def explain(attempt: SSHAttempt) -> ConnectError:
    """The error for an ssh that ended before the command ran."""
    log, where = attempt.log, attempt.where
    if attempt.code < 0:
        return login_errors.other(where, f"ssh was ended by signal {-attempt.code}")
    if log.is_logged_in:
        refused = log.has_said(r"^channel [0-9]+: open failed: (.*)")
        return login_errors.no_command(refused[1] if refused else attempt.last_words)
    error = _host_key(attempt) or _denied(attempt) or _unreachable(attempt)
    if error is not None:
        return error
    if log.is_proxied and log.stage is not Stage.LOGGING_IN:
        said = "; ".join(_lines(attempt.stderr)[-3:])
        behind = re.search(r"^channel [0-9]+: open failed: (.*)", attempt.stderr, re.MULTILINE)
        if behind is not None:
            return login_errors.behind_jump(where, "the last one on the way", behind[1].strip())
        return (
            login_errors.proxy_said(where, said)
            if said
            else login_errors.proxy_ended(where, attempt.last_words)
        )
    for pattern in _HUNG_UP:
        if (match := log.has_said(pattern)) is not None:
            return login_errors.hung_up(where, log.stage, match[1])
    if log.dialled is None and attempt.code == SSH_FAILED:
        said = "; ".join([*_lines(attempt.stderr), *log.said][:3]) or attempt.last_words
        return login_errors.unusable_configuration(
            said, f"Correct it until `ssh -G {attempt.target.host}` answers."
        )
    return login_errors.other(where, attempt.last_words)


def refused_after_all(attempt: SSHAttempt) -> ConnectError | None:
    """The error for a changed key that ssh puts up with, where StrictHostKeyChecking is off. We never do."""
    return _changed(attempt)


def lost(attempt: SSHAttempt) -> ConnectionLostError:
    """The error for an ssh that ended while the command ran, without telling how that ended."""
    if attempt.code < 0:
        return login_errors.broken_off(f"ssh was ended by signal {-attempt.code}")
    return login_errors.broken_off(attempt.log.said[-1] if attempt.log.said else "the host hung up")


def accepted(target: SSHTarget, log: SSHLog) -> str | None:
    """The notice for a new key that ssh has accepted, if it has."""
    added = log.has_said(r"^Warning: Permanently added '.*' \((.*)\) to the list of known hosts")
    failed = log.has_said(r"^Failed to add the host to the list of known hosts \((.*)\)")
    if log.host_key is None or (added is None and failed is None):
        return None
    if failed is not None:
        return host_key_errors.accepted(log.host_key, target, failed[1], "ssh could not write it")
    return host_key_errors.accepted(log.host_key, target, _KNOWN_HOSTS)


def _host_key(attempt: SSHAttempt) -> ConnectError | None:
    log, target = attempt.log, attempt.target
    if log.has_said("^WARNING: REVOKED HOST KEY|is marked as revoked|^.*WARNING: REVOKED HOST KEY"):
        line = log.has_said(r"(?:key|CA key) .*in (.*:[0-9]+)$|in file (\S+)$")
        return host_key_errors.revoked([(line[1] or line[2]) if line else _KNOWN_HOSTS])
    if (changed := _changed(attempt)) is not None:
        return changed
    if (certificate := log.has_said(_CERTIFICATE)) is not None:
        return host_key_errors.invalid(certificate[1] or certificate[2])
    if log.has_said("^Host key verification failed") and log.host_key is not None:
        return host_key_errors.unknown(log.host_key, target, _KNOWN_HOSTS)
    if re.search("^Host key verification failed", attempt.stderr, re.MULTILINE):
        return host_key_errors.of_jump("; ".join(_lines(attempt.stderr)[-3:]))
    return None


def _changed(attempt: SSHAttempt) -> ConnectError | None:
    log, target = attempt.log, attempt.target
    if (offending := log.has_said(r"^Offending ([A-Z0-9-]+) key in (.*):([0-9]+)$")) is not None:
        kind, path, line_number = offending.groups()
        name = log.has_said(r"ssh-keygen -f .* -R (.*)$")
        return host_key_errors.changed(
            log.host_key or "another one",
            f"{path}:{line_number} has {_known_key(path, int(line_number)) or f'another {kind} key'}",
            path,
            name[1].strip("\"'") if name else target.host,
            target,
        )
    if log.has_said("REMOTE HOST IDENTIFICATION HAS CHANGED|^Host key for .* has changed"):
        key = log.host_key or "another one"
        return host_key_errors.changed(key, f"{_KNOWN_HOSTS} has another", _KNOWN_HOSTS, target.host, target)
    return None


def _known_key(path: str, number: int) -> str | None:
    """The key that a line of known_hosts has."""
    from relstore.client.connection.transport.ssh.known_hosts import KnownHosts  # only for this message

    try:
        entries = KnownHosts.read([path]).entries
    except OSError:
        return None
    return next((str(entry.key) for entry in entries if entry.line == number), None)


def _denied(attempt: SSHAttempt) -> ConnectError | None:
    log = attempt.log
    user = log.user or attempt.target.user or attempt.user
    if log.has_said("Too many authentication failures"):
        return login_errors.too_many_keys(user, log.offered)
    match = log.has_said(r"Permission denied \((.*)\)")
    if match is None:
        return None
    return login_errors.denied(
        user,
        offered=log.offered,
        locked=log.locked,
        unusable=log.unusable,
        methods=log.methods or match[1].split(","),
    )


def _unreachable(attempt: SSHAttempt) -> ConnectError | None:
    log, where = attempt.log, attempt.where
    if (name := log.has_said(r"^ssh: Could not resolve hostname (\S+): (.*)")) is not None:
        port = f":{attempt.target.port}" if attempt.target.port else ""
        return login_errors.unresolved(f"{name[1]}{port}", name[2])
    if (refused := log.has_said(r"^ssh: connect to (?:host|address) .* port [0-9]+: (.*)")) is not None:
        return login_errors.unreachable(where, _BY_WORDS.get(refused[1], 0), refused[1])
    if (silent := log.has_said("timed out during banner exchange|^Connection to .* timed out")) is not None:
        return login_errors.hung_up(where, Stage.GREETING, silent[0])
    if (algorithm := log.has_said(r"^Unable to negotiate with .*: (no matching .*)")) is not None:
        return login_errors.no_algorithm(where, algorithm[1])
    return None


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
