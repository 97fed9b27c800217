"""What ssh_config says about one host, as far as this transport has to apply it.

The files are ssh's own answer where ssh is installed (``ssh_answer``), otherwise those of the account.
asyncssh reads the same files for what it alone needs (ciphers, canonical names, …). This module reads what
asyncssh does not know (StrictHostKeyChecking, HashKnownHosts) or applies differently from OpenSSH: missing
known_hosts files, ``UserKnownHostsFile none`` (to asyncssh: no checking at all), the order of keys, jumps.
"""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import cast

from asyncssh import ConfigParseError
from asyncssh.config import SSHClientConfig, SSHConfig

from relstore.client.connection import capacity
from relstore.client.connection.account import Account
from relstore.client.connection.transport.address import Address, SSHTarget, check_address
from relstore.client.connection.transport.login_errors import unusable_configuration
from relstore.client.connection.transport.ssh.host_key import DEFAULT_PORT

DEFAULT_IDENTITIES = ("id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk")
GLOBAL_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
USER_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")

_UNHEEDED = ("KnownHostsCommand", "RevokedHostKeys", "VerifyHostKeyDNS")
_UNSET = ("none", "no", "false")
_ACCEPT_NEW = ("accept-new", "no", "off", "false")
_REFUSE_NEW = ("ask", "yes", "true")


@dataclass(frozen=True)
class HostSettings:
    """How to reach one host and when to trust it. Paths are absolute; ``jumps`` are connected to in order."""

    host: str
    port: int
    user: str
    jumps: tuple[Address, ...]
    proxy_command: str | None
    accept_new_key: bool
    user_known_hosts: tuple[str, ...]
    global_known_hosts: tuple[str, ...]
    host_key_alias: str | None
    hash_known_hosts: bool
    identity_files: tuple[str, ...]
    certificate_files: tuple[str, ...]
    identities_only: bool
    agent_path: str | None
    own_ciphers: bool
    own_host_key_algorithms: bool
    unheeded: tuple[str, ...] = ()
    """The options that are set and change whom ssh trusts, but are not obeyed here."""

    @classmethod
    def load(cls, target: SSHTarget, account: Account) -> HostSettings:
        """Read the files. Raises TargetError for an invalid name, ConnectError for a bad file."""
        check_address(target)
        try:
            config = _read(target, account)
            return cls._from(config, target, account)
        except (ValueError, OSError, IndexError) as exc:  # asyncssh ends so at a line `=`
            too_many = capacity.explain(exc) if isinstance(exc, OSError) else None
            # asyncssh is stricter than ssh(1), so a file that ssh accepts may end here.
            raise too_many or unusable_configuration(
                str(exc),
                "Correct it; without ssh(1), a comment needs a line of its own. "
                f"Compare with `ssh -G {target.host}`.",
            ) from None

    @classmethod
    def _from(cls, config: _Config, target: SSHTarget, account: Account) -> HostSettings:
        def text(option: str) -> str | None:
            return cast("str | None", config.get(option))

        def paths(option: str, default: tuple[str, ...]) -> tuple[str, ...]:
            given = cast("list[str] | None", config.get(option))
            return tuple(expand(path, account.home) for path in (default if given is None else given))

        port = cast(int, config.get("Port", DEFAULT_PORT))
        if not 0 < port < 65536:
            raise ConfigParseError(f"there is no port {port}")
        jumps, proxy_command = _route(config)
        default_identities = tuple(f"~/.ssh/{name}" for name in DEFAULT_IDENTITIES)
        return cls(
            host=text("Hostname") or target.host,
            port=port,
            user=text("User") or account.user,
            jumps=jumps,
            proxy_command=proxy_command,
            accept_new_key=_accept_new_key(text("StrictHostKeyChecking") or "ask"),
            user_known_hosts=paths("UserKnownHostsFile", USER_KNOWN_HOSTS),
            global_known_hosts=paths("GlobalKnownHostsFile", GLOBAL_KNOWN_HOSTS),
            host_key_alias=text("HostKeyAlias"),
            hash_known_hosts=bool(config.get("HashKnownHosts")),
            identity_files=paths("IdentityFile", default_identities),
            certificate_files=paths("CertificateFile", ()),
            identities_only=bool(config.get("IdentitiesOnly")),
            agent_path=_agent(config, account),
            own_ciphers=config.get("Ciphers") is not None,
            own_host_key_algorithms=config.get("HostKeyAlgorithms") is not None,
            unheeded=tuple(option for option in _UNHEEDED if (text(option) or "no").lower() not in _UNSET),
        )


class _Config(SSHClientConfig):
    """asyncssh's reader, with the options that it ignores."""

    _handlers = SSHClientConfig._handlers | {
        "stricthostkeychecking": ("StrictHostKeyChecking", SSHConfig._set_string),
        "hashknownhosts": ("HashKnownHosts", SSHConfig._set_bool),
        **{option.lower(): (option, SSHConfig._set_string) for option in _UNHEEDED},
    }
    _no_split = SSHClientConfig._no_split | {"knownhostscommand"}
    _percent_expand = SSHClientConfig._percent_expand | {"UserKnownHostsFile"}


def expand(path: str, home: str) -> str:
    """``~`` is ``home``."""
    return os.path.join(home, path[2:]) if path.startswith("~/") else os.path.expanduser(path)


def existing(paths: tuple[str, ...]) -> list[str]:
    """Configuration files are optional."""
    return [path for path in paths if os.path.exists(path)]


def _read(target: SSHTarget, account: Account) -> _Config:
    def load(final: bool) -> _Config:
        user, port = (() if value is None else value for value in (target.user, target.port))
        paths = existing(account.ssh_config_paths)
        words = (account.user, user, target.host, port)
        return cast(_Config, _Config.load(None, paths, False, False, final, *words))

    config = load(final=False)
    return load(final=True) if config.has_match_final() else config


def _route(config: _Config) -> tuple[tuple[Address, ...], str | None]:
    """Jumps or a command: of ProxyJump and ProxyCommand, the first in the files counts (ssh_config(5))."""
    options = config.get_options(False)
    chosen = next((name for name in options if name in ("ProxyJump", "ProxyCommand")), None)
    value = cast("str | None", options[chosen]) if chosen else None
    if value is None:
        return (), None
    if chosen == "ProxyCommand":
        return (), value
    return tuple(Address.parse_jump(hop.strip()) for hop in value.split(",")), None


def _accept_new_key(word: str) -> bool:
    if word.lower() in _ACCEPT_NEW:
        return True
    if word.lower() in _REFUSE_NEW:
        return False
    raise ConfigParseError(f"StrictHostKeyChecking cannot be {word!r}")


def _agent(config: _Config, account: Account) -> str | None:
    path = cast("str | None", config.get("IdentityAgent", "SSH_AUTH_SOCK"))
    if path in ("SSH_AUTH_SOCK", "$SSH_AUTH_SOCK"):
        return account.agent_path
    return path and expand(path, account.home)
