"""Deployments, releases, instances and their logs for tests."""

from typing import Any

from attrs import evolve

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.releases import Release
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.ids import (
    DeploymentId,
    InstanceId,
    ReleaseId,
    TimelineEventId,
)
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.logs.events import TimelineEvent
from pushpaka_core.domain.logs.logs import LogEntry
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, BuildStep, Evidence, Origin
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.testing.objects.values import NOON, an_id, new_uuid, numbers


def a_deployment(project: Project, **fields: Any) -> Deployment:
    """Return a queued deployment of *project* that is newer than all earlier ones."""
    number = next(numbers)
    standard = Deployment(
        id=DeploymentId(new_uuid(number)),
        project_id=project.id,
        user_id=project.user_id,
        slug=project.slug,
        sequence=number,
        branch=project.branch,
        created_at=NOON,
    )
    return evolve(standard, **fields)


def a_running_deployment(project: Project, **fields: Any) -> Deployment:
    """Return a running deployment of *project*."""
    running = {"status": DeploymentStatus.RUNNING, "started_at": NOON, "finished_at": NOON}
    return a_deployment(project, **(running | fields))


def a_target(deployment: Deployment, **fields: Any) -> Target:
    """Return the target of *deployment*, with *deployment* as the active one."""
    standard = Target(
        project_id=deployment.project_id,
        name=deployment.target,
        deployment_id=deployment.id,
        sequence=deployment.sequence,
        has_web=deployment.has_web,
    )
    return evolve(standard, **fields)


def a_plan(**fields: Any) -> BuildPlan:
    """Return a build plan with a web process."""
    standard = BuildPlan(
        framework="fastapi",
        language="python",
        processes={"web": BuildStep(command="uvicorn main:app", origin=Origin.DETECTED)},
        build=(BuildStep(command="make", origin=Origin.PROJECT),),
        evidence=(Evidence(reason="requirements.txt lists fastapi", path="requirements.txt"),),
    )
    return evolve(standard, **fields)


def a_release(deployment: Deployment, **fields: Any) -> Release:
    """Return a release that *deployment* built."""
    number = next(numbers)
    standard = Release(
        id=ReleaseId(new_uuid(number)),
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
    """Return a starting instance of *deployment* without a port."""
    standard = Instance(
        id=InstanceId(an_id()),
        project_id=deployment.project_id,
        deployment_id=deployment.id,
        fence=deployment.fence,
        node="node-1",
        started_at=NOON,
    )
    return evolve(standard, **fields)


def a_log_entry(message: str = "Hello.", **fields: Any) -> LogEntry:
    """Return a log line without a sequence number."""
    return evolve(LogEntry(phase=Phase.BUILD, message=message, created_at=NOON), **fields)


def a_timeline_event(deployment: Deployment, **fields: Any) -> TimelineEvent:
    """Return a timeline event with the current status and phase of *deployment*."""
    standard = TimelineEvent(
        id=TimelineEventId(an_id()),
        deployment_id=deployment.id,
        status=deployment.status,
        phase=deployment.phase,
        cause="Requested by a user.",
        user_id=deployment.user_id,
        created_at=NOON,
    )
    return evolve(standard, **fields)
