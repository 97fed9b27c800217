"""Presigned URLs of S3 (AWS Signature Version 4, query string), made by hand: also for times that have passed."""

from __future__ import annotations

import hashlib
import hmac
import time
from urllib.parse import quote


def presigned(
    method: str,
    endpoint: str,
    path: str,
    access: str,
    secret: str,
    *,
    at: float | None = None,
    seconds: int = 3600,
) -> str:
    """A URL for ``method`` on ``path``, signed ``at`` a time and valid for ``seconds``."""
    host = endpoint.partition("://")[2]
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() if at is None else at))
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{access}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
    }
    text = "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items())
    )
    request = f"{method}\n{path}\n{text}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in (stamp[:8], "us-east-1", "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    return f"{endpoint}{path}?{text}&X-Amz-Signature={signature}"
