"""A program that deploys the projects of the students in a class, and reports the results."""

from collections.abc import Mapping
from datetime import timedelta

from pushpaka_core import Actor, Application, NewDeployment, NewProject
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus

PATIENCE = timedelta(minutes=20)


async def hand_in(
    pushpaka: Application, teacher: Actor, repositories: Mapping[str, str]
) -> dict[str, str]:
    """Deploy each repository. Return each student's URL or error."""
    projects = {o.project.name: o for o in await pushpaka.projects.all(teacher)}
    asked = {}
    for student, repo_url in repositories.items():
        project = projects.get(student) or await pushpaka.projects.create(
            teacher, NewProject(name=student, repo_url=repo_url)
        )
        new = NewDeployment(project_id=project.project.id)
        asked[student] = project.url, await pushpaka.deployments.deploy(teacher, new)
    report = {}
    for student, (url, queued) in asked.items():
        done = await pushpaka.deployments.wait(teacher, queued.id, PATIENCE)
        is_there = done.status is DeploymentStatus.RUNNING
        report[student] = url if is_there else done.error or done.status
    return report
