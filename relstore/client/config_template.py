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

# Runs on the host after each switch, as a line for `sh -c` or as a list. When it fails, the host goes
# back to what it ran before.
#restart = ["systemctl", "--user", "restart", "web.service"]

# How long `restart` may take. Durations are a number and s, m, h or d. Default: 60s.
#restart-timeout = "60s"

# What `relstore gc` keeps: so many good generations, and all from so long ago until now. What is
# current, pinned, in use, or next to go back to is always kept.
#keep = 5
#keep-within = "30d"

# The interpreter on the hosts (Python 3.9 or newer), where `python3` is not found or too old.
#python = "/usr/bin/python3.11"

# May symlinks in the artifact lead out of it? Default: false, they are refused.
#allow-outside-links = false

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
