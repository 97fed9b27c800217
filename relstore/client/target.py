"""Where a store is, as a person writes it: ``deploy@web1:/srv/x``, ``web1``, ``./store``.

A target names a host, a user, a port and a directory. It knows nothing of ssh_config, where ``web1`` may be
an alias, and contacts neither hosts nor file systems. It refuses a host or user that could be taken for an
option or that a shell would interpret: ssh_config passes both to ``ProxyCommand``.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from relstore.client.target_parts import (
    DEFAULT_PATH,
    FORMS,
    check_characters,
    expand_home,
    parse_authority,
    parse_local_path,
    parse_port,
    parse_remote_path,
)
from relstore.errors import TargetError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def store_label(label: str, path: str) -> str:
    """What this machine calls the store at ``path`` of the host ``label``."""
    return f"{label}:{path}"


@dataclass(frozen=True)
class Target:
    """One store. Build it with ``parse``.

    ``host`` is None for this machine; an IPv6 ``host`` has no brackets. ``user`` and ``port`` are None
    when not given (ssh_config decides). ``path`` is normalised; a relative one is relative to the
    login directory on a host, and on this machine to what the caller says (see ``beneath``).
    """

    user: str | None
    host: str | None
    port: int | None
    path: str

    @classmethod
    def parse(cls, text: str, home: str | None = None) -> Target:
        """The target that ``text`` names; ``home`` is what a local ``~/`` stands for.

        TargetError for everything that is not a target, or that could mean two things.
        """
        check_characters(text)
        first = text.split("/", 1)[0]
        if first.startswith("~"):
            return cls(None, None, None, parse_local_path(expand_home(text, home)))
        if first in ("", ".", ".."):
            return cls(None, None, None, parse_local_path(text))
        if " " in text:
            raise TargetError(f"the target {text!r} holds a space", hint=FORMS)
        scheme = _SCHEME.match(text)
        if scheme is None:
            return cls._from_scp(text)
        if scheme[1].lower() != "ssh":
            raise TargetError(f"the target {text!r} begins with {scheme[0]!r}", hint=FORMS)
        return cls._from_url(text[scheme.end() :])

    @classmethod
    def _from_scp(cls, text: str) -> Target:
        user, host, rest = parse_authority(text)
        if rest is None:
            return cls(user, host, None, DEFAULT_PATH)
        if rest.isascii() and rest.isdigit():
            raise TargetError(
                f"{text!r} can mean a port and can mean a directory",
                hint=f"Write {text}:~/{DEFAULT_PATH} for the port {rest}, "
                f"or {text.removesuffix(rest)}~/{rest} for the directory.",
            )
        head, colon, tail = rest.partition(":")
        if colon and "/" not in head:
            return cls(user, host, parse_port(head), parse_remote_path(tail))
        return cls(user, host, None, parse_remote_path(rest))

    @classmethod
    def _from_url(cls, rest: str) -> Target:
        authority, _, path = rest.partition("/")
        user, host, port = parse_authority(authority)
        if any(character in path for character in "%?#"):
            raise TargetError(
                f"the path {path!r} holds a '%', '?' or '#', which ssh:// may read as an escape",
                hint="Write it as host:/path, where every character stands for itself.",
            )
        if path and not path.startswith("~"):
            path = f"/{path}"
        return cls(
            user,
            host,
            None if port is None else parse_port(port),
            parse_remote_path(path) if path else DEFAULT_PATH,
        )

    @property
    def is_local(self) -> bool:
        """Whether the store is on this machine."""
        return self.host is None

    @property
    def label(self) -> str:
        """How messages name the host: ``user@host:port``, as far as given, or ``this machine``."""
        if self.host is None:
            return "this machine"
        user = "" if self.user is None else f"{self.user}@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{user}{host}{port}"

    @property
    def store_label(self) -> str:
        """What this machine calls the store, for what it remembers of it."""
        return store_label(self.label, self.path)

    def beneath(self, directory: Path) -> Target:
        """This target, with a relative local path resolved against ``directory`` (absolute, resolved)."""
        if not self.is_local or self.path.startswith("/"):
            return self
        # Joining the texts is safe: all `..` parts come first, and `directory` contains no symlink.
        joined = posixpath.normpath(posixpath.join(str(directory), self.path))
        check_characters(joined)
        return Target(None, None, None, parse_local_path(joined))

    def __str__(self) -> str:
        """The canonical text; ``parse`` reads it as this same value."""
        if not self.is_local:
            return f"{self.label}:{'' if self.path.startswith('/') else '~/'}{self.path}"
        if self.path.split("/", 1)[0] in ("", ".", ".."):
            return self.path
        return f"./{self.path}"
