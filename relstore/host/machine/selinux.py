"""Whether SELinux keeps systemd from executing what is in a directory. Reads only."""

from __future__ import annotations

import os

_FORBIDDEN = (
    "user_home_t", "user_home_dir_t", "admin_home_t", "tmp_t", "user_tmp_t", "home_root_t", "data_home_t",
)  # fmt: skip
"""Types that init_t may not execute in the reference policy."""


def forbids(path: str, enforce: str = "/sys/fs/selinux/enforce") -> str:
    """The SELinux type of ``path`` if it keeps systemd from executing files there, else ``""``."""
    try:
        with open(enforce, encoding="ascii") as file:
            if file.read(1) != "1":
                return ""
    except OSError:
        return ""
    existing = path
    while not os.path.exists(existing):
        existing = os.path.dirname(existing)
    try:
        label = os.getxattr(existing, "security.selinux")
    except OSError:
        return ""
    return forbidden_type(label.rstrip(b"\0").decode("utf-8", "replace"))


def forbidden_type(label: str) -> str:
    """The type in a label ``user:role:type:level`` if systemd may not execute files of it, else ``""``."""
    parts = label.split(":")
    return parts[2] if len(parts) > 2 and parts[2] in _FORBIDDEN else ""
