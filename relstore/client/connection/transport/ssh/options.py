"""How asyncssh is to make a connection. Pure: settings in, keyword arguments out."""

from __future__ import annotations

from typing import Any

import asyncssh

from relstore.client.connection.transport.ssh.config import HostSettings
from relstore.client.connection.transport.ssh.host_key import HostNames
from relstore.client.connection.transport.ssh.known_hosts import KnownHosts

KEEPALIVE_INTERVAL = 15
KEEPALIVE_COUNT = 3
"""A host that is silent for a minute is lost; a plain TCP connection would wait for hours."""

# The fastest here by far: processors have instructions for it. Not every sshd has it (dropbear).
FAST_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"

HOST_KEY_ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""The signature algorithms of each type of key, in the order that we like them."""

_CERTIFIED = "-cert-v01@openssh.com"


def connection_options(settings: HostSettings, known_hosts: KnownHosts, names: HostNames) -> dict[str, Any]:
    """For ``asyncssh.connect``; what is left out, it reads from ssh_config."""
    options: dict[str, Any] = {
        "port": settings.port,
        "username": settings.user,
        # No key is trusted without our Client's word, which knows what OpenSSH's rules are. (None would
        # switch the check off.) asyncssh applies revocations, as only it sees a certificate's own key.
        "known_hosts": ([], [], _revoked(known_hosts, names)),
        "x509_trusted_certs": [],
        "x509_trusted_cert_paths": [],
        "gss_kex": False,
        # Our Client brings the keys, one at a time.
        "client_keys": None,
        # Both are dialled by us.
        "proxy_command": None,
        "connect_timeout": None,
        "login_timeout": 0,
        "keepalive_interval": KEEPALIVE_INTERVAL,
        "keepalive_count_max": KEEPALIVE_COUNT,
        # What is worth compressing is compressed before it gets here.
        "compression_algs": None,
        "agent_forwarding": False,
        "x11_forwarding": False,
        "request_pty": False,
    }
    if not settings.own_ciphers:
        options["encryption_algs"] = FAST_CIPHERS
    if not settings.own_host_key_algorithms:
        certified = bool(known_hosts.authorities(names))
        options["server_host_key_algs"] = host_key_algorithms(
            known_hosts.key_types(names), certified=certified
        )
    return options


def host_key_algorithms(known_types: tuple[str, ...], *, certified: bool) -> list[str]:
    """Those of the known keys first, so that a host with several shows the one that we know.

    Certificates are only asked for when an authority could vouch for them: a host that has one would
    otherwise show it instead of the key that we know.
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
            continue  # of a type that we never accept
    return keys
