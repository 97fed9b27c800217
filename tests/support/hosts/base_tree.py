"""What a test host is made from: the tree below it, this machine's or a suite's, and the files of every host above it.

Not for mounting the two (``systemd.py``), and not for making the tree of a suite (``suites.py``).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ACCOUNT = "deploy"
ACCOUNT_ID = 1500
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What this machine has there is no business of the hosts: its accounts' homes, its enabled services, its keys.
_HIDDEN = (
    "etc/init.d",
    "etc/profile.d",
    "etc/security/limits.d",
    "etc/ssh",
    "etc/sysctl.d",
    "etc/systemd",
    "etc/tmpfiles.d",
    "etc/update-motd.d",
    "home",
    "root",
    "srv",
    "var/lib/systemd",
    "var/log",
    "var/tmp",
)
# What is of no use to them, or is about the kernel, which is this machine's.
_MASKED = (
    "console-getty.service",
    "dev-hugepages.mount",
    "getty.target",
    "modprobe@.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-modules-load.service",
    "systemd-remount-fs.service",
    "systemd-sysusers.service",
    "systemd-udevd.service",
    "timers.target",
)

_FILES = {
    "/etc/bash.bashrc": "",
    "/etc/default/locale": "LANG=C.UTF-8\n",
    "/etc/environment": f'PATH="{PATH}"\n',
    "/etc/fstab": "",
    "/etc/motd": "",
    "/etc/resolv.conf": "",
    "/etc/security/limits.conf": "",
    "/etc/systemd/journald.conf": "[Journal]\nStorage=volatile\n",
}

_SERVER_CONFIG = """\
HostKey /etc/ssh/ssh_host_ed25519_key
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UseDNS no
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
MaxStartups 200:30:400
MaxSessions 100
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class BaseTree:
    """A tree with systemd and sshd that hosts are overlays of. They never change it."""

    path: Path
    hidden: tuple[str, ...] = ()
    """Directories of which a host sees nothing."""

    @classmethod
    def of_this_machine(cls) -> BaseTree:
        return cls(Path("/"), _HIDDEN)

    def hide(self, upper: Path) -> None:
        """Hide what is to be hidden, in the upper layer of an overlay of this tree."""
        for path in self.hidden:
            self._hide(upper, path)

    def fill(self, root: Path, files: Mapping[str, str | bytes]) -> None:
        """Give a host, at ``root``, its accounts, its services and ``files``."""
        for path, content in {
            **_FILES,
            "/etc/ssh/sshd_config": _SERVER_CONFIG,
            **self._accounts(),
            **files,
        }.items():
            _write(root, path, content)
        self._enable_services(root)

    def _hide(self, upper: Path, path: str) -> None:
        """Make a directory of the overlay that shows nothing of the one below it."""
        here, below = upper, self.path
        for part in PurePosixPath(path).parts:
            here, below = here / part, below / part
            if not here.exists():
                here.mkdir()
                if below.exists():
                    shutil.copystat(below, here)
                    os.chown(here, below.stat().st_uid, below.stat().st_gid)
        os.setxattr(here, "trusted.overlay.opaque", b"y")

    def _accounts(self) -> dict[str, str]:
        """The tree's system accounts, and ours in place of its people."""
        files = {
            "/etc/passwd": f"{ACCOUNT}:x:{ACCOUNT_ID}:{ACCOUNT_ID}::/home/{ACCOUNT}:/bin/bash\n",
            "/etc/group": f"{ACCOUNT}:x:{ACCOUNT_ID}:\n",
            "/etc/shadow": f"{ACCOUNT}:*:19000::::::\nroot:*:19000::::::\n",
        }
        for path in ("/etc/passwd", "/etc/group"):
            for line in (self.path / path[1:]).read_text().splitlines():
                fields = line.split(":")
                if path == "/etc/passwd" and fields[0] == "root":
                    fields[6] = "/bin/bash"
                if int(fields[2]) < 1000 or fields[0] in {"nobody", "nogroup"}:
                    files[path] += ":".join(fields) + "\n"
        return files

    def _enable_services(self, root: Path) -> None:
        units = root / "etc/systemd/system"
        wanted = units / "multi-user.target.wants"
        wanted.mkdir(parents=True, exist_ok=True)
        names = (f"{name}.service" for name in ("ssh", "sshd"))
        sshd = next(name for name in names if (self.path / "lib/systemd/system" / name).exists())
        _link(wanted / sshd, f"/lib/systemd/system/{sshd}")
        _link(units / "default.target", "/lib/systemd/system/multi-user.target")
        for unit in _MASKED:
            _link(units / unit, "/dev/null")


def _link(link: Path, target: str) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _write(root: Path, path: str, content: str | bytes) -> None:
    """Write a file into a host's tree, with the directories above it."""
    target = PurePosixPath(path)
    owner = ACCOUNT_ID if target.is_relative_to(f"/home/{ACCOUNT}") else 0
    here = root
    for part in target.parts[1:-1]:
        here /= part
        if here.is_symlink():
            raise ValueError(f"{path} goes through a link, and might end up in this machine's files")
        if not here.exists():
            here.mkdir(mode=0o700 if part == ".ssh" else 0o755)
            if here.relative_to(root).parts[:2] == ("home", ACCOUNT):
                os.chown(here, owner, owner)
    data = content.encode() if isinstance(content, str) else content
    mode = 0o755 if data.startswith(b"#!") else 0o644
    if path.endswith(("_key", "/shadow")):
        mode = 0o600
    here /= target.name
    here.unlink(missing_ok=True)
    here.write_bytes(data)
    here.chmod(mode)
    os.chown(here, owner, owner)
