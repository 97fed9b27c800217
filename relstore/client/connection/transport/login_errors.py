"""The messages for a login that failed, whichever transport made it. Pure.

``where`` is ``host:port`` as it was really dialled. Not for deciding what went wrong (``ssh.errors``,
``openssh.errors``), nor for messages about host keys (``host_key_errors``).
"""

from __future__ import annotations

import enum
import errno
from collections.abc import Sequence

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
_NETWORK = "Check the address, the port and the network."
_PROXY = "Run the ProxyCommand from ~/.ssh/config by hand to see what is wrong with it."
_BY_HAND = "Run `ssh -v` to the same host for details."


class Stage(enum.Enum):
    """How far a login has got."""

    REACHING = enum.auto()
    GREETING = enum.auto()
    LOGGING_IN = enum.auto()


def unresolved(where: str, why: str) -> ConnectError:
    return _error(
        where,
        f"cannot be reached: the name cannot be resolved ({why})",
        "Check the spelling; define your own name in ~/.ssh/config as a Host with a HostName.",
    )


def unreachable(where: str, number: int, why: str) -> ConnectError:
    """``number``: the errno of connect(2), 0 when it is not known; ``why``: in words."""
    what, hint = _BY_ERRNO.get(number, (f"cannot be reached: {short(why)}", _NETWORK))
    return _error(where, what, hint)


def behind_jump(where: str, jump: str, why: str) -> ConnectError:
    return _error(
        where,
        f"cannot be reached from {jump}, the jump host: {short(why)}",
        f"Does {where} accept connections, and does that sshd allow forwarding?",
    )


def proxy_said(where: str, text: str) -> ConnectError:
    return _error(where, f"cannot be reached: the ProxyCommand said: {short(text)}", _PROXY)


def proxy_ended(where: str, why: str) -> ConnectError:
    return _error(where, f"cannot be reached: the ProxyCommand ended: {short(why)}", _PROXY)


def hung_up(where: str, stage: Stage, why: str) -> ConnectError:
    if stage is Stage.LOGGING_IN:
        return _error(where, f"hung up during the login: {short(why)}", "Its sshd's log says why.")
    return _error(
        where,
        f"hung up before the login: {short(why)}",
        "It may not be an SSH server, or it may refuse you (MaxStartups, a ban after failed logins).",
    )


def timed_out(where: str, stage: Stage, seconds: float) -> ConnectError:
    match stage:
        case Stage.REACHING:
            return _error(where, f"did not answer within {seconds:g} s", _NETWORK)
        case Stage.GREETING:
            return _error(
                where,
                f"accepted the connection, but did not answer as an SSH server within {seconds:g} s",
                "Is that the port of an SSH server? If so, the machine may be overloaded.",
            )
        case Stage.LOGGING_IN:
            return _error(
                where,
                "did not finish the login in time",
                "A security key or an agent may be waiting for you to confirm, or the host is overloaded.",
            )


def no_algorithm(where: str, why: str) -> ConnectError:
    return _error(
        where,
        f"supports no algorithm that this client offers: {short(why)}",
        "Its sshd is very old, or Ciphers, KexAlgorithms or HostKeyAlgorithms in ~/.ssh/config exclude it.",
    )


def other(where: str, why: str) -> ConnectError:
    return _error(where, f"cannot be connected to: {short(why)}", _BY_HAND)


def denied(
    user: str,
    *,
    offered: Sequence[str],
    locked: Sequence[str],
    unusable: Sequence[str],
    methods: Sequence[str],
) -> ConnectError:
    """No key was accepted. ``methods``: what the host would accept."""
    notes = [f"Keys offered: {', '.join(offered) or 'none'}."]
    if locked:
        notes.append(f"Locked by a passphrase and not in the agent: {', '.join(locked)}.")
    if unusable:
        notes.append(f"Could not be used: {'; '.join(unusable)}.")
    notes.append(f"The host accepts: {', '.join(methods) or 'no method that relstore has'}.")
    if locked:
        hint = f"`ssh-add {locked[0]}` unlocks the key for relstore and ssh alike."
    elif offered:
        hint = (
            "Add one of these keys to authorized_keys there (ssh-copy-id), or name the right user and key "
            "(User, IdentityFile) in ~/.ssh/config."
        )
    else:
        hint = "Make a key with `ssh-keygen -t ed25519` and install it on the host with ssh-copy-id."
    return ConnectError(f"the host does not let us in as {user}", state=" ".join(notes), hint=hint)


def too_many_keys(user: str, offered: Sequence[str]) -> ConnectError:
    return ConnectError(
        f"the host hung up after {len(offered)} keys that it does not accept for {user}",
        state=f"Keys offered: {', '.join(offered)}.",
        hint="Name the right one for this host in ~/.ssh/config: IdentityFile, and IdentitiesOnly yes.",
    )


def no_command(why: str) -> ConnectError:
    """The login worked, but no command is run."""
    return ConnectError(
        f"the host refuses to run a command: {short(why)}",
        hint="Its sshd may limit sessions (MaxSessions), or restrict this key to forwarding.",
    )


def broken_off(why: str) -> ConnectionLostError:
    return ConnectionLostError(f"the connection broke off: {short(why)}", hint=ConnectionLostError.HINT)


def unusable_configuration(why: str, hint: str) -> ConnectError:
    return ConnectError(
        f"its SSH configuration cannot be used: {short(why)}", state="Nothing was contacted.", hint=hint
    )


def place(host: str, port: int) -> str:
    """``host:port``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def short(text: str) -> str:
    return text if len(text) <= _MAX_REASON else f"{text[:_MAX_REASON]}…"


def _error(where: str, what: str, hint: str) -> ConnectError:
    return ConnectError(f"{where} {what}", state=_STATE, hint=hint)
