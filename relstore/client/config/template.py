"""The commented relstore.toml that ``relstore init`` writes.

A ``#`` with a space begins an explanation, one without disables a setting: removing every such ``#``
gives a file that is valid as a whole.
"""

from __future__ import annotations

TEMPLATE = """\
# relstore.toml: what `relstore push` sends, and where to. Paths of this machine are relative to this
# file. Every key is optional, and a flag on the command line goes before it.

# The app's name on the hosts: lower-case letters, digits, '.', '_' and '-'. Without it, the artifact's name.
#app = "web"

# The store to deploy to, or several: [user@]host[:port]:/path, ssh://user@host:port/path, a host alone
# (its store is then `relstore` in the login directory), or /path and ./path for this machine.
#to = ["deploy@web1.example.com:/srv/web", "deploy@web2.example.com:/srv/web"]

# The file or directory to release.
#artifact = "dist"

# Makes the artifact, before each push: a line for `sh -c`, or a list (a program and its arguments).
# It runs here, in this file's directory; when it fails, nothing is pushed.
#build = "make dist"

# --- How a release goes live. When any of it fails, the host goes back to what it ran before.

# The systemd unit that runs the app, or several; `relstore unit` prints a good one. `user`: they belong to
# the account's own manager (systemctl --user).
#unit = "web.service"
#user = false

# What is done with them: restart, reload, or try-reload-or-restart. Default: restart. Their main processes
# must then be seen to execute the new build, unless they are only reloaded.
#unit-action = "restart"
#unit-runs-build = true

# Act on them through sudo (`relstore sudoers` prints the rule), and ask for its password, once for all hosts.
#become = "sudo"
#ask-become-pass = false

# For any other supervisor, a command on the host, as a line for `sh -c` or as a list; `reload` is run instead
# of `restart` where a former version runs.
#restart = "supervisorctl restart web"
#reload = "supervisorctl signal HUP web"

# How long restarting may take; a unit gets as long as systemd gives it. Durations are a number
# and s, m, h or d. Default: 60s.
#restart-timeout = "60s"

# When a release is well. A unit's process must stand still for so long, and then these must be answered: a
# URL (or a table: url, status, body, headers, socket; or several of both), an address, a command. The four
# http- keys hold for every request that does not say otherwise.
#http = "http://127.0.0.1:8080/health"
#http-status = 200
#http-body = "ok"
#http-headers = ["Host: www.example.com"]
#http-socket = "/run/web/web.sock"
#tcp = "127.0.0.1:8080"
#health-command = "curl -fsS http://127.0.0.1:8080/health"

# Until when it must be well, how long it must stand still, and how often is looked. Defaults: 30s, 3s, 500ms.
#health-timeout = "30s"
#health-stable = "3s"
#health-interval = "500ms"

# Commands around it: `before` runs in the new build before the switch (migrations), and its failure changes
# nothing; `after` once all is well; `on-failure` after the host went back. Each may take 5m by default.
#before = "./migrate"
#after = "./warm-up"
#on-failure = "./tell-somebody"
#hook-timeout = "5m"

# Go back unless this machine can reach the host on a new connection in that time, after all is well.
#confirm = "60s"

# --- What is kept, and how hosts are reached.

# What `relstore gc` keeps: so many good generations, and all from so long ago until now; but of all builds
# of the app together no more than so much, the newest. What is current, pinned, in use, or next to go back to
# is always kept.
#keep = 5
#keep-within = "30d"
#max-size = "5G"

# Run `relstore gc` at each host after a push that went well? Default: false.
#gc = true

# The interpreter on the hosts (Python 3.9 or newer), where `python3` is not found or too old.
#python = "/usr/bin/python3.11"

# May symlinks in the artifact lead out of it? Default: false, they are refused.
#allow-outside-links = false

# How contents are compressed on their way: "auto" (by the link's speed), "none", "zstd", "xz", "zlib", or one
# with its level, "zstd:9". Default: "auto".
#compression = "auto"

# Send what is like something that the host has as a difference? Default: true, where that is faster.
#delta = true

# How long a host may take to answer. Default: 10s.
#connect-timeout = "10s"

# The environment to use where no --env is given.
#default-env = "staging"

# Environments: each is chosen with --env NAME, and what it sets goes before the same key above.
#[env.staging]
#to = "deploy@staging.example.com:/srv/web"

#[env.production]
#to = ["deploy@web1.example.com:/srv/web", "deploy@web2.example.com:/srv/web"]
#keep = 20
"""
