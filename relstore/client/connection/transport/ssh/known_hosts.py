"""OpenSSH's known_hosts files: which keys a host may show.

This is a reader of its own because a message must name the file and line of a key that does not match, and
because OpenSSH's rules apply: a broken line does no harm, a host is looked up by its name and not also by its
address, a key without a port is valid for a host on another port. It compares keys; asyncssh checks
signatures.
"""

from __future__ import annotations

import base64
import contextlib
import enum
import fnmatch
import hashlib
import hmac
import os
from collections.abc import Iterable
from typing import NamedTuple

from relstore.client.connection.transport.ssh.host_key import HostKey, HostNames

_MARKERS = ("", "@cert-authority", "@revoked")


class Entry(NamedTuple):
    """One line: ``marker`` is ``""``, ``@cert-authority`` or ``@revoked``."""

    path: str
    line: int
    marker: str
    hosts: str
    key: HostKey

    def names(self, host: str) -> bool:
        """Whether the line is about ``host`` (a name as in HostNames)."""
        if self.hosts.startswith("|"):
            hashed = _Hashed.parse(self.hosts)
            return hashed is not None and hashed.is_of(host)
        patterns = self.hosts.split(",")
        if any(_matches(pattern[1:], host) for pattern in patterns if pattern.startswith("!")):
            return False
        return any(_matches(pattern, host) for pattern in patterns)


class Standing(enum.Enum):
    """How a host's key compares with what is known."""

    TRUSTED = enum.auto()
    NEW = enum.auto()
    CHANGED = enum.auto()


class KeyVerdict(NamedTuple):
    """``key`` of the host ``name``, compared; ``others`` are the lines with the keys that were expected."""

    standing: Standing
    name: str
    key: HostKey
    others: tuple[Entry, ...] = ()


class _Hashed(NamedTuple):
    """A name as HashKnownHosts writes it."""

    salt: bytes
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> _Hashed | None:
        """From ``|1|salt|digest``; None when that is no such name."""
        try:
            _, kind, salt, digest = text.split("|")
            return cls(_decoded(salt), _decoded(digest)) if kind == "1" else None
        except ValueError:  # binascii.Error is one
            return None

    def is_of(self, host: str) -> bool:
        # One call that makes no object: each host of a fleet is compared with each line.
        return hmac.digest(self.salt, host.encode(), "sha1") == self.digest


class KnownHosts:
    """The lines of several files. Where names are plain, a host is found without a look at all lines."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries: list[Entry] = []
        self._plain: dict[str, list[int]] = {}
        """Where a name stands as it is, by its number in ``_entries``."""
        self._patterns: list[int] = []
        self._hashed: list[tuple[_Hashed, int]] = []
        self._found: dict[str, list[Entry]] = {}
        """What was looked up since the last addition: each login looks for the same name several times."""
        for entry in entries:
            self.add(entry)

    @classmethod
    def read(cls, paths: Iterable[str]) -> KnownHosts:
        """Read them; missing files are skipped. Raises OSError when one cannot be read."""
        entries: list[Entry] = []
        for path in paths:
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    entries += parse(path, file.read())
            except (FileNotFoundError, NotADirectoryError):
                continue
        return cls(entries)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries)

    def add(self, entry: Entry) -> None:
        """One line more, after all others."""
        number = len(self._entries)
        self._entries.append(entry)
        self._found.clear()
        if entry.hosts.startswith("|"):
            if (hashed := _Hashed.parse(entry.hosts)) is not None:
                self._hashed.append((hashed, number))
        elif any(sign in entry.hosts for sign in "*?!"):
            self._patterns.append(number)
        else:
            for name in set(entry.hosts.lower().split(",")):
                self._plain.setdefault(name, []).append(number)

    def judge(self, names: HostNames, key: HostKey) -> KeyVerdict:
        """Compare a key. A key of another type than the known ones counts as changed: otherwise a man in the
        middle would only have to offer a type that is not known yet."""
        own = tuple(self._marked("", names.full))
        if any(entry.key == key for entry in own):
            return KeyVerdict(Standing.TRUSTED, names.full, key)
        if own:
            return KeyVerdict(Standing.CHANGED, names.full, key, own)
        if any(entry.key == key for entry in self._marked("", names.bare)):
            return KeyVerdict(Standing.TRUSTED, names.full, key)
        return KeyVerdict(Standing.NEW, names.full, key)

    def key_types(self, names: HostNames) -> tuple[str, ...]:
        """The types of the host's known keys, so that it can be asked for one of these."""
        entries = [*self._marked("", names.full), *self._marked("", names.bare)]
        return tuple(dict.fromkeys(entry.key.type for entry in entries))

    def authorities(self, names: HostNames) -> tuple[Entry, ...]:
        """The ``@cert-authority`` lines for the host."""
        return self._of_either("@cert-authority", names)

    def revoked(self, names: HostNames) -> tuple[Entry, ...]:
        """The ``@revoked`` lines for the host."""
        return self._of_either("@revoked", names)

    def _of_either(self, marker: str, names: HostNames) -> tuple[Entry, ...]:
        return tuple(dict.fromkeys((*self._marked(marker, names.full), *self._marked(marker, names.bare))))

    def _marked(self, marker: str, name: str) -> list[Entry]:
        return [entry for entry in self._lines_of(name) if entry.marker == marker]

    def _lines_of(self, name: str) -> list[Entry]:
        """The lines about a host, in their order."""
        if name not in self._found:
            numbers = {
                *self._plain.get(name, ()),
                *(number for number in self._patterns if self._entries[number].names(name)),
                *(number for hashed, number in self._hashed if hashed.is_of(name)),
            }
            self._found[name] = [self._entries[number] for number in sorted(numbers)]
        return self._found[name]


def parse(path: str, text: str) -> list[Entry]:
    """The valid lines of one file; invalid lines are ignored, as in OpenSSH."""
    entries = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        marker = fields.pop(0) if line.lstrip().startswith("@") else ""
        if len(fields) < 3 or fields[0].startswith("#") or marker not in _MARKERS:
            continue
        key = HostKey.parse(" ".join(fields[1:3]))
        if key is not None:
            entries.append(Entry(path, number, marker, fields[0], key))
    return entries


def remember(path: str, name: str, key: HostKey, *, hashed: bool) -> None:
    """Append a line to the file at ``path``, which is created if necessary (0600, its directory 0700).

    Raises OSError. Uses one write(2), since other programs and other connections append too.
    """
    with contextlib.suppress(FileExistsError):
        os.makedirs(os.path.dirname(path), mode=0o700)
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        line = f"{hash_name(name, os.urandom(20)) if hashed else name} {key.line}\n"
        os.write(fd, ("" if _ends_in_newline(fd) else "\n").encode() + line.encode())
    finally:
        os.close(fd)


def hash_name(name: str, salt: bytes) -> str:
    """``name`` as HashKnownHosts writes it: ``|1|salt|digest``."""
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def _ends_in_newline(fd: int) -> bool:
    size = os.fstat(fd).st_size
    return size == 0 or os.pread(fd, 1, size - 1) == b"\n"


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _matches(pattern: str, host: str) -> bool:
    """Only ``*`` and ``?`` are special. fnmatch takes no exponential time for many stars."""
    return fnmatch.fnmatchcase(host, pattern.lower().replace("[", "[[]"))
