"""The parts of a written target: user, host, port and path, each checked by itself.

Only for ``target``, which knows in which forms they are combined.
"""

from __future__ import annotations

import ipaddress
import re

from relstore.errors import TargetError

DEFAULT_PATH = "relstore"
"""The store of a target that names only a host, relative to the login directory."""

_AUTHORITY = re.compile(r"(?:(?P<user>[^:/\[\]]*)@)?(?P<host>\[[^/\[\]]*\]|[^:/@\[\]]*)(?::(?P<rest>.*))?")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@-]*")
_PORT = re.compile(r"[0-9]{1,5}")
_ZONE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

FORMS = "Write [user@]host:/path, ssh://[user@]host[:port]/path, a host alone, /path or ./path."
_PORT_FORMS = "Write host:2222:/path or ssh://host:2222/path; put an IPv6 address in brackets."


def check_characters(text: str) -> None:
    """Raises TargetError unless every character of ``text`` is printable."""
    if not text:
        raise TargetError("the target is empty", hint=FORMS)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise TargetError(
            f"the target {text!r} is not UTF-8", hint="Type it again in a terminal that uses UTF-8."
        )
    if not text.isprintable() or text != text.strip():
        raise TargetError(
            f"the target {text!r} holds control characters, or spaces around it",
            hint="Remove them; look for a stray quote or line end where it was written.",
        )


def parse_authority(text: str) -> tuple[str | None, str, str | None]:
    """User, host and what follows the colon after them."""
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise TargetError(
            f"{text!r} has no ':' between the host and the path",
            hint=f"Write ./{text} for a directory of this machine, or host:/path for one of a host.",
        )
    user: str | None = match["user"]
    if user is not None and not _USER.fullmatch(user):
        raise TargetError(
            f"the user {user!r} is not one",
            hint="It begins with a letter, a digit or '_'; then '.', '+', '@' and '-' may stand too.",
        )
    return user, _host(match["host"]), match["rest"]


def _host(text: str) -> str:
    if text.startswith("["):
        return _ipv6(text[1:-1])
    if not text:
        raise TargetError("the target has no host", hint=f"{FORMS} Put an IPv6 address in brackets.")
    if not _HOST.fullmatch(text):
        raise TargetError(
            f"the host {text!r} is not one",
            hint="It begins with a letter, a digit or '_'; then '.' and '-' may stand too.",
        )
    return text


def _ipv6(text: str) -> str:
    hint = "Write it as [::1]:/path, or [fe80::1%eth0]:/path with the interface."
    try:
        address = ipaddress.IPv6Address(text)
    except ipaddress.AddressValueError as error:
        raise TargetError(f"{text!r} in brackets is not an IPv6 address", hint=hint) from error
    if address.scope_id is not None and not _ZONE.fullmatch(address.scope_id):
        raise TargetError(f"{address.scope_id!r} is not the name of an interface", hint=hint)
    return str(address)


def parse_port(text: str) -> int:
    """1 to 65535."""
    if "@" in text:
        # The message does not repeat it, since it may end up in a log.
        raise TargetError(
            "the target holds a password, or an '@' after a ':'",
            hint="Take the password out; relstore logs in with keys or an agent.",
        )
    if not _PORT.fullmatch(text) or not 1 <= int(text) <= 65535:
        raise TargetError(f"the port {text!r} is not a number from 1 to 65535", hint=_PORT_FORMS)
    return int(text)


def parse_remote_path(text: str) -> str:
    """Absolute, or relative to the login directory."""
    if not text:
        raise TargetError(
            "no path follows the ':'",
            hint=f"Write host:/path, or the host alone for {DEFAULT_PATH!r} in the login directory.",
        )
    absolute = text.startswith("/")
    if text.startswith("~"):
        text = _below_home(text)
    parts = _parts(text)
    if ".." in parts:
        raise TargetError(f"the path {text!r} has a '..' part", hint="Write the path without it.")
    return ("/" if absolute else "") + "/".join(_own_directory(text, parts))


def parse_local_path(text: str) -> str:
    """Absolute, or relative; only a relative one may begin with ``..`` parts."""
    parts = _parts(text)
    if text.startswith("/"):
        upwards = 0
        _own_directory(text, parts)
    else:
        upwards = next((n for n, part in enumerate(parts) if part != ".."), len(parts))
    if ".." in parts[upwards:]:
        raise TargetError(
            f"the path {text!r} has a '..' part after another one",
            hint="Write the path without it: after a symlink it can lead anywhere.",
        )
    return ("/" if text.startswith("/") else "") + "/".join(parts) or "."


def _parts(text: str) -> list[str]:
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if any(part != part.strip() for part in parts):
        raise TargetError(f"the path {text!r} has spaces around a part", hint="Write it without them.")
    return parts


def _own_directory(text: str, parts: list[str]) -> list[str]:
    if not parts:
        raise TargetError(
            f"{text or '~'!r} cannot be a store",
            hint=f"A store needs a directory of its own, such as {DEFAULT_PATH!r}.",
        )
    return parts


def _below_home(text: str) -> str:
    """What follows ``~/``."""
    head, _, rest = text.partition("/")
    if head != "~":
        raise TargetError(
            f"{head!r} is another user's home directory",
            hint="Write the path from '/'; only your own '~/' is understood.",
        )
    return rest


def expand_home(text: str, home: str | None) -> str:
    """A local ``~/path`` with ``home`` in place of the ``~``."""
    rest = _below_home(text)
    if home is None or not home.startswith("/"):
        raise TargetError(f"{text!r}: the home directory is not known here", hint="Write the path from '/'.")
    check_characters(home)
    _own_directory("~", _parts(rest))
    return f"{home}/{rest}"
