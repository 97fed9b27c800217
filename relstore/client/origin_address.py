"""Where an origin is: a bucket of an S3-compatible store, or a directory below an https URL. Pure.

Not for talking to it (``origin``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relstore.errors import FormatError, UsageError
from relstore.formats.origin_url import OriginUrl

_S3 = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9!_.*'()/-]*))?\Z")


@dataclass(frozen=True)
class OriginAddress:
    """What ``origin`` in relstore.toml names."""

    text: str
    """For people. It holds no secret."""
    bucket: str = ""
    """Empty for an https URL."""
    prefix: str = ""
    """What comes before the name of each stream: empty, or with `/` at the end."""

    @classmethod
    def parse(cls, text: str) -> OriginAddress:
        """Raises UsageError."""
        match = _S3.match(text)
        if match:
            prefix = (match[2] or "").strip("/")
            if any(part in ("", ".", "..") for part in prefix.split("/")) and prefix:
                raise UsageError(f"{text!r} has a prefix with an empty part, `.` or `..`")
            return cls(text.rstrip("/"), match[1], f"{prefix}/" if prefix else "")
        if text.startswith(("https://", "http://")) and not {"?", "@"} & set(text):
            try:
                OriginUrl.parse(text)
            except FormatError:
                pass
            else:
                return cls(text.rstrip("/"), "", f"{text.rstrip('/')}/")
        raise UsageError(
            f"{text!r} is no origin",
            hint="Write s3://BUCKET/PREFIX, or https://HOST/PATH together with origin-put.",
        )

    @property
    def is_s3(self) -> bool:
        return bool(self.bucket)
