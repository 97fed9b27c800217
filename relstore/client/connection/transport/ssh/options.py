"""How asyncssh makes a connection. Pure: settings in, keyword arguments out.

Not for reading ssh_config (``config``).
"""

from __future__ import annotations

from typing import Any

import asyncssh

from relstore.client.connection.transport.patience import KEEPALIVE_COUNT, KEEPALIVE_INTERVAL
from relstore.client.connection.transport.ssh.config import HostSettings
from relstore.client.connection.transport.ssh.host_key import HostNames
from relstore.client.connection.transport.ssh.known_hosts import KnownHosts

# By far the fastest: processors have instructions for it. Not every sshd has it (dropbear).
FAST_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"

HOST_KEY_ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""The signature algorithms of each type of key, in the order of preference."""

INERT: dict[str, Any] = {
    # Only our Client decides which keys are trusted, by OpenSSH's rules. (None would switch the check off.)
    "known_hosts": ([], [], []),
    "x509_trusted_certs": [],
    "x509_trusted_cert_paths": [],
    "gss_kex": False,
    # Our Client supplies the keys, one at a time.
    "client_keys": None,
    # Both are dialled by us.
    "proxy_command": None,
    "tunnel": None,
    "connect_timeout": None,
    "login_timeout": 0,
    "keepalive_interval": KEEPALIVE_INTERVAL,
    "keepalive_count_max": KEEPALIVE_COUNT,
    # Whatever is worth compressing has been compressed before.
    "compression_algs": None,
    "agent_forwarding": False,
    "x11_forwarding": False,
    "request_pty": False,
}
"""What is the same for all hosts; with it, reading options contacts nobody and opens no key."""

_CERTIFIED = "-cert-v01@openssh.com"


def connection_options(settings: HostSettings, known_hosts: KnownHosts, names: HostNames) -> dict[str, Any]:
    """Arguments for ``asyncssh.connect``; it reads what is left out from ssh_config."""
    options: dict[str, Any] = {
        **INERT,
        "port": settings.port,
        "username": settings.user,
        # asyncssh applies revocations, since only it sees a certificate's own key.
        "known_hosts": ([], [], _revoked(known_hosts, names)),
    }
    del options["tunnel"]
    if not settings.own_ciphers:
        options["encryption_algs"] = FAST_CIPHERS
    if not settings.own_host_key_algorithms:
        certified = bool(known_hosts.authorities(names))
        options["server_host_key_algs"] = host_key_algorithms(
            known_hosts.key_types(names), certified=certified
        )
    return options


def host_key_algorithms(known_types: tuple[str, ...], *, certified: bool) -> list[str]:
    """The algorithms of the known keys first, so that a host with several keys shows a known one.

    Certificates are requested only when an authority could vouch for them: a host that has one would
    otherwise show it instead of the known key.
    """
    types = [kind for kind in known_types if kind in HOST_KEY_ALGORITHMS]
    types += [kind for kind in HOST_KEY_ALGORITHMS if kind not in types]
    plain = [algorithm for kind in types for algorithm in HOST_KEY_ALGORITHMS[kind]]
    return [*(f"{each}{_CERTIFIED}" for each in plain), *plain] if certified else plain


def _revoked(known_hosts: KnownHosts, names: HostNames) -> list[asyncssh.SSHKey]:
    keys = []
    for entry in known_hosts.revoked(names):
        try:
            keys.append(asyncssh.import_public_key(entry.key.line))
        except asyncssh.KeyImportError:
            continue  # of a type that is never accepted
    return keys
