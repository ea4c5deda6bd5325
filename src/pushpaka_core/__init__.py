"""
Pushpaka's core: deploys Git repositories as running, routed applications.

The core does not depend on a web framework. The public names are imported on first use, so
importing the package is cheap.

A program that embeds Pushpaka opens an `Application` with `open_application`, or assembles one from
its own adapters with `assemble`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushpaka_core.bootstrap import memory_adapters, open_application
    from pushpaka_core.container.adapters import Adapters, Options
    from pushpaka_core.container.application import Application, assemble
    from pushpaka_core.domain.accounts.access import PLATFORM, Actor
    from pushpaka_core.domain.accounts.tokens import NewApiToken, TokenScope
    from pushpaka_core.domain.accounts.users import Credentials, Registration
    from pushpaka_core.domain.deployments.deployments import NewDeployment
    from pushpaka_core.domain.deployments.plans import PlanRequest
    from pushpaka_core.domain.integrations.webhooks import GitProvider, NewWebhook
    from pushpaka_core.domain.projects.env_vars import NewEnvVar
    from pushpaka_core.domain.projects.projects import NewProject, ProjectChanges
    from pushpaka_core.domain.routing.custom_domains import NewCustomDomain
    from pushpaka_core.settings.settings import RuntimeChoice, Settings

__all__ = [
    "PLATFORM",
    "Actor",
    "Adapters",
    "Application",
    "Credentials",
    "GitProvider",
    "NewApiToken",
    "NewCustomDomain",
    "NewDeployment",
    "NewEnvVar",
    "NewProject",
    "NewWebhook",
    "Options",
    "PlanRequest",
    "ProjectChanges",
    "Registration",
    "RuntimeChoice",
    "Settings",
    "TokenScope",
    "assemble",
    "memory_adapters",
    "open_application",
]

_MODULES = {
    "PLATFORM": "domain.accounts.access",
    "Actor": "domain.accounts.access",
    "Adapters": "container.adapters",
    "Application": "container.application",
    "Credentials": "domain.accounts.users",
    "GitProvider": "domain.integrations.webhooks",
    "NewApiToken": "domain.accounts.tokens",
    "NewCustomDomain": "domain.routing.custom_domains",
    "NewDeployment": "domain.deployments.deployments",
    "NewEnvVar": "domain.projects.env_vars",
    "PlanRequest": "domain.deployments.plans",
    "NewProject": "domain.projects.projects",
    "NewWebhook": "domain.integrations.webhooks",
    "Options": "container.adapters",
    "ProjectChanges": "domain.projects.projects",
    "Registration": "domain.accounts.users",
    "RuntimeChoice": "settings.settings",
    "Settings": "settings.settings",
    "TokenScope": "domain.accounts.tokens",
    "assemble": "container.application",
    "memory_adapters": "bootstrap",
    "open_application": "bootstrap",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
