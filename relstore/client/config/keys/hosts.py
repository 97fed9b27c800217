"""The keys for a command that works on several hosts."""

from __future__ import annotations

from relstore.client.config.keys.service import RUNNING
from relstore.client.config.readers import COMMAND
from relstore.client.config.setting import TOP, DefaultedSetting, Setting
from relstore.client.config.share_reader import SHARE

TITLE = "Several hosts"
INTRO = ""

FAILED_HOSTS = "failed"
"""In `--hosts`: those on which the last rollout failed."""

HOSTS_COMMAND = Setting(
    "hosts-command",
    COMMAND,
    help="Run this command on this machine, and take the hosts that it prints.",
    more="It prints one JSON object with the content of the table `[hosts]`. It runs in the directory of "
    "relstore.toml, whenever a command needs the hosts, and takes the place of `to` and `[hosts]`.",
    example="./hosts.sh",
    commands=RUNNING,
)
MAX_UNREACHABLE = DefaultedSetting(
    "max-unreachable",
    SHARE,
    help="Continue without hosts that cannot be reached, up to so many of them.",
    more="It is a count or a percentage of all hosts, rounded up. With more of them, nothing is changed "
    "anywhere. It may also stand in `[rollout]`.",
    example=1,
    default=0,
    commands=(*RUNNING, "mark", "pin", "delete-generations"),
    tables=(TOP, "rollout"),
)
