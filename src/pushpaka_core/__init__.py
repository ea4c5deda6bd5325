"""
Pushpaka's core: deployments from a Git repository to a routed, running application.

It knows no web framework. What is named here is imported on use, so that importing
the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushpaka_core.application import Application, assemble
    from pushpaka_core.bootstrap import memory_adapters, open_application
    from pushpaka_core.domain.access import PLATFORM, Actor
    from pushpaka_core.domain.custom_domains import NewCustomDomain
    from pushpaka_core.domain.deployments import NewDeployment
    from pushpaka_core.domain.env_vars import NewEnvVar
    from pushpaka_core.domain.plans import NewPlan
    from pushpaka_core.domain.projects import NewProject, ProjectChanges
    from pushpaka_core.domain.tokens import NewApiToken, TokenScope
    from pushpaka_core.domain.users import Credentials, Registration
    from pushpaka_core.domain.webhooks import Forge, NewWebhook
    from pushpaka_core.parts import Adapters, Options
    from pushpaka_core.settings import RuntimeChoice, Settings

__all__ = [
    "PLATFORM",
    "Actor",
    "Adapters",
    "Application",
    "Credentials",
    "Forge",
    "NewApiToken",
    "NewCustomDomain",
    "NewDeployment",
    "NewEnvVar",
    "NewPlan",
    "NewProject",
    "NewWebhook",
    "Options",
    "ProjectChanges",
    "Registration",
    "RuntimeChoice",
    "Settings",
    "TokenScope",
    "assemble",
    "memory_adapters",
    "open_application",
]

_HOMES = {
    "PLATFORM": "domain.access",
    "Actor": "domain.access",
    "Adapters": "parts",
    "Application": "application",
    "Credentials": "domain.users",
    "Forge": "domain.webhooks",
    "NewApiToken": "domain.tokens",
    "NewCustomDomain": "domain.custom_domains",
    "NewDeployment": "domain.deployments",
    "NewEnvVar": "domain.env_vars",
    "NewPlan": "domain.plans",
    "NewProject": "domain.projects",
    "NewWebhook": "domain.webhooks",
    "Options": "parts",
    "ProjectChanges": "domain.projects",
    "Registration": "domain.users",
    "RuntimeChoice": "settings",
    "Settings": "settings",
    "TokenScope": "domain.tokens",
    "assemble": "application",
    "memory_adapters": "bootstrap",
    "open_application": "bootstrap",
}


def __getattr__(name: str) -> object:
    """Import a public name from the module that it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
