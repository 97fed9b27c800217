"""An origin in a bucket of an S3-compatible store, by ``obstore``. Hosts get presigned URLs, no credentials.

The credentials are those that obstore finds: the AWS_* variables, or the role of the machine. What a store
says in an error is not repeated, since it may hold parts of a signature.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from relstore.client.origin.options import OriginOptions
from relstore.client.origin.place import Content
from relstore.errors import OriginError

if TYPE_CHECKING:
    from obstore.store import S3Store

_VALID = timedelta(hours=1)
_AT_ONCE_BYTES = 8 * 1024 * 1024
"""What is larger is sent in parts, of which a few are in memory."""
_PART_BYTES = 5 * 1024 * 1024
_MAX_PARTS = 9000
_STATUS = re.compile(r"\b(?:status(?: code)?:? )([1-5][0-9]{2})\b", re.IGNORECASE)
_PHRASES = (
    ("certificate", "its certificate is not accepted"),
    ("dns error", "its name has no address"),
    ("connection refused", "it refuses the connection"),
    ("timed out", "it did not answer in time"),
    ("missing region", "AWS_REGION is not set"),
    ("http request to server with https", "its URL is not https; `origin-allow-http` allows that"),
    ("url scheme is not allowed", "its URL is not https; `origin-allow-http` allows that"),
    ("credential", "there are no credentials for it: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ("169.254.169.254", "there are no credentials for it: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ("error sending request", "no connection to it was possible"),
)


class S3Place:
    """A prefix of a bucket."""

    def __init__(self, options: OriginOptions) -> None:
        """Raises OriginError."""
        try:
            self._obstore: Any = importlib.import_module("obstore")
            kinds: Any = importlib.import_module("obstore.store")
        except ImportError:
            raise OriginError(
                "the package obstore is not installed here: pip install 'relstore[origin]'"
            ) from None
        client: dict[str, Any] = {
            "connect_timeout": timedelta(seconds=min(options.patience_s, 10)),
            # Nothing tells how far a request has come: whoever calls has a limit for the whole.
            "timeout": timedelta(hours=1),
        }
        if options.allow_http:
            client["allow_http"] = True
        if options.authorities:
            client["root_certificate"] = options.authorities
        address = options.address
        try:
            self._store: S3Store = kinds.S3Store(
                address.bucket,
                client_options=client,
                retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=options.patience_s)},
                **({"endpoint": options.endpoint} if options.endpoint else {}),
            )
        except Exception as error:  # noqa: BLE001 - obstore's errors have no common base
            raise OriginError(_reason(error)) from None
        self._prefix = address.prefix

    async def put(self, content: Content) -> bool:
        key = self._prefix + content.name
        if await self._size(key) == content.size:
            return False
        try:
            if content.size <= _AT_ONCE_BYTES:
                await self._obstore.put_async(self._store, key, b"".join(content.read()), use_multipart=False)
            else:
                part = max(_PART_BYTES, content.size // _MAX_PARTS + 1)
                await self._obstore.put_async(
                    self._store,
                    key,
                    _parts(content, part),
                    use_multipart=True,
                    chunk_size=part,
                    max_concurrency=2,
                )
        except Exception as error:  # noqa: BLE001 - as above
            raise OriginError(_reason(error)) from None
        return True

    async def url(self, name: str) -> str:
        try:
            signed: str = await self._obstore.sign_async(self._store, "GET", self._prefix + name, _VALID)
        except Exception as error:  # noqa: BLE001 - as above
            raise OriginError(_reason(error)) from None
        return signed

    async def _size(self, key: str) -> int | None:
        """How large the object is; None where there is none, or nobody says."""
        try:
            meta = await self._obstore.head_async(self._store, key)
        except FileNotFoundError:
            return None
        except Exception as error:  # noqa: BLE001 - as above
            # Without the right to list a bucket, AWS says of what is not there that it is forbidden.
            if _status(error) in (403, 404):
                return None
            raise OriginError(_reason(error)) from None
        size: int = meta["size"]
        return size


def _parts(content: Content, size: int) -> Iterator[bytes]:
    buffer = bytearray()
    for data in content.read():
        buffer += data
        while len(buffer) >= size:
            yield bytes(buffer[:size])
            del buffer[:size]
    if buffer:
        yield bytes(buffer)


def _status(error: Exception) -> int:
    if type(error).__name__ == "PermissionDeniedError":
        return 403
    found = _STATUS.search(str(error))
    return int(found[1]) if found else 0


def _reason(error: Exception) -> str:
    status = _status(error)
    if status in (401, 403):
        return f"it refuses the credentials, or they may not do this (status {status})"
    if status == 404 or isinstance(error, FileNotFoundError):
        return "it has no such bucket (status 404)"
    if status:
        return f"it answers with status {status}"
    text = str(error).lower()
    for phrase, reason in _PHRASES:
        if phrase in text:
            return reason
    return f"it cannot be used ({type(error).__name__})"
