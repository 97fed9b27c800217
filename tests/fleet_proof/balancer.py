"""HAProxy on a host of its own, in front of all hosts: with what hosts that restart need, or with nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_PATIENCE_S = 75
"""More than the longest answer of the load."""
NOTHING = "  retries 0"
LOOKS_AND_RETRIES = """\
  option httpchk GET /health
  default-server check inter 500ms fall 1 rise 2 observe layer4 error-limit 1 on-error mark-down
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response"""
"""As docs/rollouts.md has it."""

_CONFIG = """\
global
  maxconn 8000
defaults
  mode http
  timeout connect 2s
  timeout client {patience}s
  timeout server {patience}s
frontend web
  bind :80
  default_backend web
backend web
  balance roundrobin
  option http-server-close
{care}
{servers}
"""
UNIT = """\
[Service]
Type=notify
ExecStart=/usr/sbin/haproxy -Ws -f /etc/haproxy/balancer.cfg
KillMode=mixed
[Install]
WantedBy=multi-user.target
"""
CONFIG_PATH = "/etc/haproxy/balancer.cfg"
UNIT_PATH = "/etc/systemd/system/balancer.service"


@dataclass(frozen=True)
class Server:
    """A host, as the balancer knows it."""

    name: str
    address: str
    port: int


def config(servers: Iterable[Server], care: str) -> str:
    """``care``: what it does about a host that does not answer."""
    lines = [f"  server {server.name} {server.address}:{server.port}" for server in servers]
    return _CONFIG.format(patience=_PATIENCE_S, care=care, servers="\n".join(lines))
