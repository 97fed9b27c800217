"""A Capistrano project that uploads an artifact: its files and its command lines.

Capistrano itself fetches a release from a repository; to upload what was built elsewhere, it needs a plugin,
as its documentation shows. Needs Debian's capistrano, ruby-ed25519 and ruby-bcrypt-pbkdf.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from bench.room import Room

_FAST_MBIT = 1000
"""At this speed and above, compression costs more time than it saves."""

_CAPFILE = """\
require "capistrano/setup"
require "capistrano/deploy"
require "capistrano/scm/plugin"

class Upload < Capistrano::SCM::Plugin
  def register_hooks
    after "deploy:new_release_path", "upload:create_release"
    before "deploy:set_current_revision", "upload:set_current_revision"
  end

  def define_tasks
    namespace :upload do
      task :create_release do
        on release_roles(:all) do
          execute :mkdir, "-p", release_path
          upload! fetch(:artifact), release_path.to_s, recursive: true
        end
      end
      task :set_current_revision do
        set :current_revision, "of the bench"
      end
    end
  end
end

install_plugin Upload
"""

_DEPLOY = """\
set :application, "app"
set :deploy_to, "{remote}/by-capistrano"
set :artifact, ENV["ARTIFACT"]
set :keep_releases, 5
set :format_options, log_file: nil
set :ssh_options, config: "{home}/.ssh/config", compression: {compression}
"""


def deploy(room: Room, artifact: Path) -> list[str]:
    """The command line that deploys ``artifact``."""
    return _cap(room, f"ARTIFACT={shlex.quote(str(artifact))}", "deploy")


def back(room: Room, artifact: Path) -> list[str]:
    """The command line that goes back to the previous release."""
    return _cap(room, "", "deploy:rollback")


def _cap(room: Room, environment: str, task: str) -> list[str]:
    place = room.home / "capistrano"
    (place / "config" / "deploy").mkdir(parents=True, exist_ok=True)
    (place / "Capfile").write_text(_CAPFILE)
    fast = not room.link.shape.mbit or room.link.shape.mbit >= _FAST_MBIT
    settings = _DEPLOY.format(remote=room.remote, home=room.home, compression="false" if fast else "true")
    (place / "config" / "deploy.rb").write_text(settings)
    (place / "config" / "deploy" / "production.rb").write_text(f'server "{room.place}", roles: %w[app]\n')
    return ["sh", "-c", f"cd {shlex.quote(str(place))} && {environment} cap production {task}"]
