"""What may be named as an origin."""

from __future__ import annotations

import pytest

from relstore.client.origin_address import OriginAddress
from relstore.errors import UsageError


@pytest.mark.parametrize(
    ("text", "bucket", "prefix"),
    [
        ("s3://releases", "releases", ""),
        ("s3://releases/", "releases", ""),
        ("s3://releases/web", "releases", "web/"),
        ("s3://my.releases-2/a/b/", "my.releases-2", "a/b/"),
        ("https://origin.example", "", "https://origin.example/"),
        ("https://origin.example:8443/a/b/", "", "https://origin.example:8443/a/b/"),
        ("http://[::1]:8080/a", "", "http://[::1]:8080/a/"),
    ],
)
def test_what_is_one(text: str, bucket: str, prefix: str) -> None:
    address = OriginAddress.parse(text)
    assert (address.bucket, address.prefix, address.is_s3) == (bucket, prefix, bool(bucket))


@pytest.mark.parametrize(
    "text",
    [
        "releases",
        "s3:/releases",
        "s3://",
        "s3://UPPER",
        "s3://re leases/web",
        "s3://releases/a//b",
        "s3://releases/../b",
        "s3://releases/web?versionId=1",
        "s3://key:secret@releases/web",
        "https://user:secret@origin.example/",
        "https://origin.example/web?signature=1",
        "https://origin.example/web#part",
        "https://origin.example/a\nb",
        "ftp://origin.example/web",
        "file:///srv/www",
        "https://",
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(UsageError):
        OriginAddress.parse(text)
