"""The keys for what runs around an activation, and for confirming it."""

from __future__ import annotations

from relstore.client.config.keys.service import ACTIVATING
from relstore.client.config.readers import ARGUMENTS, COMMAND, SECONDS, seconds
from relstore.client.config.setting import DefaultedSetting, PathBase, Setting, ValueType
from relstore.errors import UsageError

TITLE = "Hooks and confirmation"
INTRO = (
    "Hooks are commands that run on the host, as lines for `sh -c` or as lists. Local hooks run on this "
    "machine; they are lists of a program and its arguments."
)

_MAX_CONFIRM_S = 24 * 3600


def _confirm(value: object, base: PathBase) -> int:
    timeout = seconds(value, base)
    if timeout > _MAX_CONFIRM_S:
        raise UsageError("is out of range", hint="Write something up to 24h.")
    return timeout


BEFORE = Setting(
    "before",
    COMMAND,
    help="Run this command in the new build before the switch.",
    more="It is the place for migrations. If it fails, nothing is switched.",
    example="./migrate",
    commands=ACTIVATING,
)
AFTER = Setting(
    "after",
    COMMAND,
    help="Run this command once the release is healthy.",
    more="If it fails, the release stays live, and the failure is recorded.",
    example="./warm-up",
    commands=ACTIVATING,
)
ON_FAILURE = Setting(
    "on-failure",
    COMMAND,
    help="Run this command after the host has rolled back.",
    example="./notify-team",
    commands=ACTIVATING,
)
HOOK_TIMEOUT = DefaultedSetting(
    "hook-timeout",
    SECONDS,
    help="How long each of the hooks before, after and on-failure may take, and a command of `cut-over`.",
    example="5m",
    default="5m",
    commands=ACTIVATING,
)
LOCAL_BEFORE = Setting(
    "local-before",
    ARGUMENTS,
    help="Run this program on this machine before anything is sent.",
    more="If it fails, nothing is deployed. Local hooks run once for all hosts, in the directory of "
    "relstore.toml, with `RELSTORE_*` variables and a JSON document on standard input.",
    example=["bin/deploy-allowed"],
    commands=ACTIVATING,
)
LOCAL_AFTER = Setting(
    "local-after",
    ARGUMENTS,
    help="Run this program on this machine after the deployment has succeeded everywhere.",
    more="The document has the result. If it fails, that is said, and changes no exit code.",
    example=["bin/notify"],
    commands=ACTIVATING,
)
LOCAL_ON_FAILURE = Setting(
    "local-on-failure",
    ARGUMENTS,
    help="Run this program on this machine after the deployment has failed.",
    more="It runs when `local-before` fails, too. The document has the result or the error.",
    example=["bin/notify", "--urgent"],
    commands=ACTIVATING,
)
LOCAL_HOOK_TIMEOUT = DefaultedSetting(
    "local-hook-timeout",
    SECONDS,
    help="How long each of the local hooks may take.",
    example="30s",
    default="60s",
    commands=ACTIVATING,
)
CONFIRM = Setting(
    "confirm",
    ValueType("duration", "TIME", _confirm),
    help="Roll back unless a new connection reaches the host within TIME.",
    more="TIME begins when the release is healthy, and is 24h at most. This machine makes the connection.",
    example="60s",
    commands=ACTIVATING,
)
