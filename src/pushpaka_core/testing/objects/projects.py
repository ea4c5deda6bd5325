"""Projects, environment variables, domains and archives for tests."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve

from pushpaka_core.domain.accounts.members import INVITATIONS
from pushpaka_core.domain.accounts.users import User
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.ids import ArchiveId, EnvVarId, ProjectId
from pushpaka_core.domain.integrations.notifications import CHANNELS
from pushpaka_core.domain.integrations.webhooks import WEBHOOKS
from pushpaka_core.domain.projects.archives import Archive
from pushpaka_core.domain.projects.deploy_keys import DeployKey
from pushpaka_core.domain.projects.entities import EntityType
from pushpaka_core.domain.projects.env_vars import Environment, EnvScope, EnvVar
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.routing.custom_domains import CustomDomain, CustomDomainId
from pushpaka_core.testing.objects.accounts import an_invitation
from pushpaka_core.testing.objects.integrations import a_channel, a_webhook
from pushpaka_core.testing.objects.values import NOON, a_secret, an_id, new_uuid, numbers


def a_project(owner: User, **fields: Any) -> Project:
    """Return a project of *owner*."""
    number = next(numbers)
    standard = Project(
        id=ProjectId(new_uuid(number)),
        user_id=owner.id,
        number=number,
        name=f"Project {number}",
        slug=f"project-{number}",
        repo_url="https://git.example.com/someone/app.git",
        created_at=NOON,
        updated_at=NOON,
    )
    return evolve(standard, **fields)


def an_archive(project: Project, **fields: Any) -> Archive:
    """Return an archive of *project* whose upload is not complete."""
    number = next(numbers)
    standard = Archive(
        id=ArchiveId(an_id()),
        project_id=project.id,
        user_id=project.user_id,
        sha256=f"{number:064x}",
        created_at=NOON,
    )
    return evolve(standard, **fields)


def an_env_var(project: Project, **fields: Any) -> EnvVar:
    """Return an environment variable of *project* for all deployments."""
    number = next(numbers)
    standard = EnvVar(
        id=EnvVarId(new_uuid(number)),
        project_id=project.id,
        key=f"KEY_{number}",
        scope=EnvScope.ALL,
        secret=a_secret(),
        created_at=NOON,
        updated_at=NOON,
    )
    return evolve(standard, **fields)


def an_environment(deployment: Deployment, **fields: Any) -> Environment:
    """Return the frozen environment variables of *deployment*."""
    standard = Environment(
        deployment_id=deployment.id,
        secret=a_secret(),
        versions={"KEY": "one:1"},
    )
    return evolve(standard, **fields)


def a_custom_domain(project: Project, **fields: Any) -> CustomDomain:
    """Return an unverified custom domain of *project*."""
    number = next(numbers)
    standard = CustomDomain(
        id=CustomDomainId(new_uuid(number)),
        project_id=project.id,
        user_id=project.user_id,
        domain=f"app{number}.example.com",
        challenge="prove-it",
        created_at=NOON,
        updated_at=NOON,
    )
    return evolve(standard, **fields)


def a_deploy_key(project: Project, **fields: Any) -> DeployKey:
    """Return the deploy key of *project*."""
    standard = DeployKey(
        project_id=project.id,
        public_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== shop",
        private_key=a_secret("key"),
        created_at=NOON,
    )
    return evolve(standard, **fields)


ENTITIES: Mapping[EntityType[Any, Any], Callable[..., Any]] = {
    INVITATIONS: an_invitation,
    WEBHOOKS: a_webhook,
    CHANNELS: a_channel,
}
"""
For each entity type, a function that returns an entity of a project.

Tests check that each type meets the contract of `ProjectEntities`, and that its entities need a
stored project, are deleted with it, and are exported.
"""
