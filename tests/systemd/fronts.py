"""What stands in front of an app with slots, as docs/cut-over.md says to set it up.

Each connects to ``live``, but for the socket that both releases share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_LIVE = "/srv/web/apps/web/live"
_UNIT = "/etc/systemd/system/front.service"
_WANTED = "\n[Install]\nWantedBy=multi-user.target\n"
_SLOW_S = 75
"""How long these proxies wait for what takes a minute; it is 60 s otherwise."""


@dataclass(frozen=True)
class Front:
    """One of them."""

    name: str
    unit: str
    """What is enabled and started for it."""
    program: str
    flags: tuple[str, ...] = ()
    """What relstore.toml would say of it."""
    unit_flags: tuple[str, ...] = ()
    """More for ``relstore unit``, which prints ``printed``."""
    printed: tuple[str, ...] = ("web@.service",)
    files: Mapping[str, str] = field(default_factory=dict)
    """What else it needs."""
    passes_through: bool = False
    """Whether a connection that a caller keeps is one to a slot, and closes with it."""
    is_shared: bool = False
    """Whether both releases accept from one socket, so that each must end politely."""

    @property
    def is_here(self) -> bool:
        return Path(self.program).exists()


PROXYD = Front(
    "systemd's proxy",
    "web.socket",
    "/usr/lib/systemd/systemd-socket-proxyd",
    unit_flags=("--front", "80"),
    printed=("web@.service", "web.socket", "web.service"),
    passes_through=True,
)

HAPROXY = Front(
    "HAProxy",
    "front.service",
    "/usr/sbin/haproxy",
    files={
        "/etc/haproxy/front.cfg": f"""\
global
  maxconn 8000
defaults
  mode http
  timeout connect 5s
  timeout client {_SLOW_S}s
  timeout server {_SLOW_S}s
frontend web
  bind :80
  default_backend web
backend web
  option http-server-close
  server live unix@{_LIVE}
""",
        _UNIT: f"""\
[Service]
Type=notify
ExecStart=/usr/sbin/haproxy -Ws -f /etc/haproxy/front.cfg
KillMode=mixed
{_WANTED}""",
    },
)

NGINX = Front(
    "nginx",
    "front.service",
    "/usr/sbin/nginx",
    files={
        "/etc/nginx/front.conf": f"""\
daemon off;
worker_processes 2;
worker_rlimit_nofile 20000;
pid /run/front.pid;
error_log stderr;
events {{ worker_connections 8000; }}
http {{
  access_log off;
  upstream web {{ server unix:{_LIVE}; }}
  server {{
    listen 80 backlog=4096;
    location / {{
      proxy_pass http://web;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_read_timeout {_SLOW_S}s;
    }}
  }}
}}
""",
        _UNIT: f"""\
[Service]
ExecStart=/usr/sbin/nginx -c /etc/nginx/front.conf
KillMode=mixed
{_WANTED}""",
    },
)

SHARED = Front(
    "a shared socket",
    "web.socket",
    "/usr/lib/systemd/systemd",
    flags=("--cut-over", "socket"),
    unit_flags=("--front", "80"),
    printed=("web@.service", "web-trial.service", "web-trial.socket", "web.socket"),
    passes_through=True,
    is_shared=True,
)

FRONTS = (PROXYD, HAPROXY, NGINX, SHARED)
