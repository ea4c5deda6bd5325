"""Small domain objects for tests: valid, different from each other, any field overridden."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from attrs import evolve

from pushpaka_core.domain.archives import Archive, ArchiveId
from pushpaka_core.domain.audit import AuditEntry, AuditEntryId
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Origin, Step
from pushpaka_core.domain.custom_domains import CustomDomain, CustomDomainId
from pushpaka_core.domain.deploy_keys import DeployKey
from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import Deployment, DeploymentId, ReleaseId
from pushpaka_core.domain.env_vars import Environment, EnvScope, EnvVar, EnvVarId
from pushpaka_core.domain.events import TimelineEvent, TimelineEventId
from pushpaka_core.domain.instances import Instance, InstanceId
from pushpaka_core.domain.logs import LogEntry
from pushpaka_core.domain.members import Invitation, InvitationId, Member, ProjectRole
from pushpaka_core.domain.notifications import Channel, ChannelId
from pushpaka_core.domain.outbox import OutboxMessage, OutboxMessageId
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.releases import Release
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.targets import Target
from pushpaka_core.domain.tokens import ApiToken, ApiTokenId, EndedToken, TokenScope
from pushpaka_core.domain.users import User, UserId
from pushpaka_core.domain.webhooks import Forge, Webhook, WebhookId
from pushpaka_core.domain.workers import WorkerId, WorkerProcess

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
"""When the tests' world begins; `later` counts from here."""

_numbers = count(1)


def later(seconds: float) -> datetime:
    """Return the moment that many seconds after NOON."""
    return NOON + timedelta(seconds=seconds)


def an_id() -> UUID:
    """Return an id that no other object has; later ones are greater."""
    return _uuid(next(_numbers))


def a_secret(text: str = "sealed") -> Encrypted:
    """Return something that looks encrypted."""
    return Encrypted(key_id="k1", ciphertext=text.encode())


def a_user(**fields: Any) -> User:
    """Return an account."""
    number = next(_numbers)
    standard = User(
        id=UserId(_uuid(number)),
        email=f"user{number}@example.com",
        name=f"User {number}",
        password_hash="$hash$",
        created_at=NOON,
    )
    return evolve(standard, **fields)


def an_api_token(owner: User, **fields: Any) -> ApiToken:
    """Return an API token of *owner*."""
    number = next(_numbers)
    standard = ApiToken(
        id=ApiTokenId(_uuid(number)),
        user_id=owner.id,
        name=f"Token {number}",
        scope=TokenScope.FULL,
        prefix=f"ppk_{number:08x}",
        digest=f"{number:064x}",
        created_at=NOON,
    )
    return evolve(standard, **fields)


def an_ended_token(owner: User, **fields: Any) -> EndedToken:
    """Return an access token of *owner* that was ended."""
    standard = EndedToken(token_id=str(an_id()), user_id=owner.id, expires_at=later(3600))
    return evolve(standard, **fields)


def a_project(owner: User, **fields: Any) -> Project:
    """Return a project of *owner*."""
    number = next(_numbers)
    standard = Project(
        id=ProjectId(_uuid(number)),
        user_id=owner.id,
        number=number,
        name=f"Project {number}",
        slug=f"project-{number}",
        repo_url="https://git.example.com/someone/app.git",
        created_at=NOON,
        updated_at=NOON,
    )
    return evolve(standard, **fields)


def a_member(project: Project, user: User, **fields: Any) -> Member:
    """Return that *user* is in the team of *project*."""
    standard = Member(
        project_id=project.id, user_id=user.id, role=ProjectRole.MEMBER, created_at=NOON
    )
    return evolve(standard, **fields)


def an_invitation(project: Project, email: str, **fields: Any) -> Invitation:
    """Return that whoever has *email* is invited into the team of *project*."""
    standard = Invitation(
        id=InvitationId(an_id()),
        project_id=project.id,
        email=email,
        role=ProjectRole.VIEWER,
        invited_by=project.user_id,
        token_version=1,
        created_at=NOON,
        expires_at=later(3600),
    )
    return evolve(standard, **fields)


def a_deployment(project: Project, **fields: Any) -> Deployment:
    """Return a queued deployment of *project*, asked for after all that were made before."""
    number = next(_numbers)
    standard = Deployment(
        id=DeploymentId(_uuid(number)),
        project_id=project.id,
        user_id=project.user_id,
        slug=project.slug,
        sequence=number,
        branch=project.branch,
        created_at=NOON,
    )
    return evolve(standard, **fields)


def a_running_deployment(project: Project, **fields: Any) -> Deployment:
    """Return a deployment of *project* that serves."""
    running = {"status": DeploymentStatus.RUNNING, "started_at": NOON, "finished_at": NOON}
    return a_deployment(project, **(running | fields))


def an_archive(project: Project, **fields: Any) -> Archive:
    """Return an archive of *project* that still arrives."""
    number = next(_numbers)
    standard = Archive(
        id=ArchiveId(an_id()),
        project_id=project.id,
        user_id=project.user_id,
        sha256=f"{number:064x}",
        created_at=NOON,
    )
    return evolve(standard, **fields)


def a_target(deployment: Deployment, **fields: Any) -> Target:
    """Return the target of *deployment*, serving it."""
    standard = Target(
        project_id=deployment.project_id,
        name=deployment.target,
        deployment_id=deployment.id,
        sequence=deployment.sequence,
    )
    return evolve(standard, **fields)


def a_plan(**fields: Any) -> BuildPlan:
    """Return a plan with a web process."""
    standard = BuildPlan(
        framework="fastapi",
        language="python",
        processes={"web": Step(command="uvicorn main:app", origin=Origin.DETECTED)},
        build=(Step(command="make", origin=Origin.PROJECT),),
        evidence=(Evidence(reason="requirements.txt lists fastapi", path="requirements.txt"),),
    )
    return evolve(standard, **fields)


def a_release(deployment: Deployment, **fields: Any) -> Release:
    """Return what *deployment* built."""
    number = next(_numbers)
    standard = Release(
        id=ReleaseId(_uuid(number)),
        project_id=deployment.project_id,
        deployment_id=deployment.id,
        plan=a_plan(),
        artifact=f"artifact-{number}",
        digest=f"sha256:{number:064x}",
        commit_sha=f"{number:040x}",
        created_at=NOON,
    )
    return evolve(standard, **fields)


def an_instance(deployment: Deployment, **fields: Any) -> Instance:
    """Return a starting instance of *deployment*, without a port."""
    standard = Instance(
        id=InstanceId(an_id()),
        project_id=deployment.project_id,
        deployment_id=deployment.id,
        fence=deployment.fence,
        node="node-1",
        started_at=NOON,
    )
    return evolve(standard, **fields)


def an_entry(message: str = "Hello.", **fields: Any) -> LogEntry:
    """Return a log line that is not numbered yet."""
    return evolve(LogEntry(phase=Phase.BUILD, message=message, created_at=NOON), **fields)


def an_env_var(project: Project, **fields: Any) -> EnvVar:
    """Return an env var of *project* for all deployments."""
    number = next(_numbers)
    standard = EnvVar(
        id=EnvVarId(_uuid(number)),
        project_id=project.id,
        key=f"KEY_{number}",
        scope=EnvScope.ALL,
        secret=a_secret(),
        created_at=NOON,
        updated_at=NOON,
    )
    return evolve(standard, **fields)


def an_environment(deployment: Deployment, **fields: Any) -> Environment:
    """Return the frozen env vars of *deployment*."""
    standard = Environment(
        deployment_id=deployment.id,
        secret=a_secret(),
        versions={"KEY": "one:1"},
    )
    return evolve(standard, **fields)


def a_custom_domain(project: Project, **fields: Any) -> CustomDomain:
    """Return a domain that is claimed for *project*, not verified."""
    number = next(_numbers)
    standard = CustomDomain(
        id=CustomDomainId(_uuid(number)),
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


def a_channel(project: Project, **fields: Any) -> Channel:
    """Return a channel that is told of all that becomes of *project*."""
    standard = Channel(
        id=ChannelId(an_id()),
        project_id=project.id,
        service="slack",
        url=a_secret("url"),
        secret=None,
        success=True,
        failure=True,
        crash=True,
        created_at=NOON,
    )
    return evolve(standard, **fields)


def a_webhook(project: Project, **fields: Any) -> Webhook:
    """Return a webhook of *project* for a GitHub, without previews."""
    standard = Webhook(
        id=WebhookId(an_id()),
        project_id=project.id,
        provider=Forge.GITHUB,
        previews=False,
        forks=False,
        secret=a_secret(),
        created_at=NOON,
        updated_at=NOON,
    )
    return evolve(standard, **fields)


def a_message(project: Project, **fields: Any) -> OutboxMessage:
    """Return something about *project* that is due."""
    number = next(_numbers)
    standard = OutboxMessage(
        id=OutboxMessageId(_uuid(number)),
        project_id=project.id,
        kind="commit_status",
        target=f"target {number}",
        body="{}",
        next_at=NOON,
    )
    return evolve(standard, **fields)


def an_audit_entry(user_id: UserId | None, **fields: Any) -> AuditEntry:
    """Return an entry of the audit trail."""
    standard = AuditEntry(
        id=AuditEntryId(an_id()),
        user_id=user_id,
        action="project.created",
        subject_id=an_id(),
        created_at=NOON,
    )
    return evolve(standard, **fields)


def a_timeline_event(deployment: Deployment, **fields: Any) -> TimelineEvent:
    """Return a step of *deployment*, as it is now."""
    standard = TimelineEvent(
        id=TimelineEventId(an_id()),
        deployment_id=deployment.id,
        status=deployment.status,
        phase=deployment.phase,
        cause="It was asked for.",
        user_id=deployment.user_id,
        created_at=NOON,
    )
    return evolve(standard, **fields)


def a_worker(**fields: Any) -> WorkerProcess:
    """Return a worker process that has just begun."""
    number = next(_numbers)
    standard = WorkerProcess(
        id=WorkerId(_uuid(number)),
        name=f"node-1-{number}",
        node="node-1",
        version="1.2.3",
        runtime="process",
        concurrency=2,
        started_at=NOON,
        seen_at=NOON,
    )
    return evolve(standard, **fields)


def _uuid(number: int) -> UUID:
    """Return an id whose first eight digits tell it apart, as in names and addresses."""
    return UUID(int=number << 96)
