"""The keys for an origin: a store from which hosts fetch what they lack."""

from __future__ import annotations

from relstore.client.config.readers import BOOLEAN, COMMAND, PATH, SECONDS, string, type_name, whole_number
from relstore.client.config.setting import DefaultedSetting, PathBase, Setting, ValueType
from relstore.client.origin_address import OriginAddress
from relstore.errors import FormatError, UsageError
from relstore.formats.origin_url import OriginUrl

TITLE = "An origin, from which hosts fetch"
INTRO = (
    "With an origin, this machine uploads each stream of bytes once, and every host fetches it from there "
    "and verifies it. What does not come goes over this machine's uplink. S3 needs the extra "
    "`relstore[origin]`, and keys in the variables of AWS: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
    "AWS_SESSION_TOKEN, AWS_REGION and AWS_ENDPOINT_URL. [Origin](origin.md) has the rest."
)

_PUSHING = ("push", "check")


def _origin(value: object, base: PathBase) -> OriginAddress:
    return OriginAddress.parse(string(value))


def _endpoint(value: object, base: PathBase) -> str:
    text = string(value)
    try:
        OriginUrl.parse(text)
    except FormatError:
        raise UsageError(
            f"{text!r} is no URL of the form https://HOST[:PORT]",
            hint="For example https://minio.example.com.",
        ) from None
    return text.rstrip("/")


def _hosts(value: object, base: PathBase) -> int:
    if isinstance(value, str):
        value = whole_number(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"must be a number of hosts, not {type_name(value)}", hint="For example 3.")
    if not 1 <= value <= 1_000_000:
        raise UsageError("is out of range", hint="Write a number of hosts from 1 on.")
    return value


ORIGIN = Setting(
    "origin",
    ValueType("URL", "URL", _origin),
    help="Upload once to this store, and let hosts fetch from there: s3://BUCKET/PREFIX or https://….",
    more="With https://, `origin-put` puts the streams there.",
    example="s3://releases/web",
    commands=_PUSHING,
)
ORIGIN_ENDPOINT = Setting(
    "origin-endpoint",
    ValueType("URL", "URL", _endpoint),
    help="The S3 API of the origin, where it is not that of AWS.",
    example="https://minio.example.com:9000",
    absent="AWS_ENDPOINT_URL, else that of AWS",
    commands=_PUSHING,
)
ORIGIN_PUT = Setting(
    "origin-put",
    COMMAND,
    help="Put a stream to an https origin with this command, on this machine.",
    more="It finds the file in RELSTORE_FILE, and in RELSTORE_NAME the path that the file must get below the "
    "origin.",
    example="bin/to-origin",
    commands=_PUSHING,
)
ORIGIN_FROM = Setting(
    "origin-from",
    ValueType("integer", "N", _hosts),
    help="Use the origin for pushes to at least so many hosts.",
    example=3,
    absent="where that is faster",
    commands=_PUSHING,
)
ORIGIN_CA = Setting(
    "origin-ca",
    PATH,
    help="A PEM file with the only authorities that may have signed the certificate of the origin.",
    more="The hosts get it with the push, and trust it for that alone.",
    example="ca.pem",
    absent="the authorities that each machine trusts",
    commands=_PUSHING,
)
ORIGIN_ALLOW_HTTP = DefaultedSetting(
    "origin-allow-http",
    BOOLEAN,
    help="Use an origin without TLS.",
    more="Whoever sees the traffic can read the release then, and fetch it for an hour, but not change it.",
    example=False,
    default=False,
    commands=_PUSHING,
)
ORIGIN_TIMEOUT = DefaultedSetting(
    "origin-timeout",
    SECONDS,
    help="How long to wait for the next bytes of the origin, before the uplink takes its place.",
    example="30s",
    default="30s",
    commands=_PUSHING,
)
