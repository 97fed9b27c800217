"""How a release goes live at one host, as far as that differs from the others.

Not for what is asked of an activation beyond that (``activation_options``, ``course``).
"""

from __future__ import annotations

from relstore.cli.invocation import Invocation
from relstore.client.config.hosts import Host
from relstore.client.config.keys.service import ASK_BECOME_PASS
from relstore.client.config.recipe import recipe
from relstore.errors import UsageError
from relstore.formats.recipe import SUDO, Recipe, Variable


def recipe_at(invocation: Invocation, host: Host) -> Recipe:
    """With the keys and variables of the host and of its groups. Raises UsageError."""
    try:
        steps = recipe(invocation.settings_at(host))
    except UsageError as error:
        if not sets_its_own(host):
            raise
        raise UsageError(f"the host {host.name}: {error.what}", hint=error.hint) from None
    variables = tuple(Variable(name, text) for name, text in sorted(host.variables.items()))
    return steps._replace(variables=variables) if variables else steps


def sets_its_own(host: Host) -> bool:
    """Whether anything holds for the host, or for one of its groups, and not for all."""
    return bool(host.values.by_name or host.variables)


def through_sudo(steps: Recipe, password: str) -> Recipe:
    """The same where sudo's password was asked for."""
    return steps._replace(units=steps.units._replace(become=SUDO)) if password and steps.unit_names else steps


def needs_password(invocation: Invocation) -> bool:
    """Whether the person is to be asked for sudo's password: some host has units."""
    if not invocation.settings.get(ASK_BECOME_PASS):
        return False
    return any(recipe_at(invocation, host).unit_names for host in invocation.hosts)
