"""Deploys a repository from a Python program that runs the core and a worker."""

import sys
from datetime import timedelta
from pathlib import Path

import anyio

from pushpaka_core import (
    Actor,
    NewDeployment,
    NewProject,
    Registration,
    RuntimeChoice,
    Settings,
    open_application,
)
from pushpaka_worker import open_worker


async def main(repository: Path, data_directory: Path) -> None:
    settings = Settings(
        data_directory=data_directory,
        local_repo_root=repository.parent,
        runtime=RuntimeChoice.PROCESS,
    )
    async with open_application(settings) as pushpaka, open_worker(pushpaka):
        jane = Registration(email="jane@example.com", name="Jane", password="correct horse")
        actor = Actor.from_user((await pushpaka.accounts.register(jane)).user)
        project = NewProject(name="hello", repo_url=str(repository))
        hello = await pushpaka.projects.create(actor, project)
        wanted = NewDeployment(project_id=hello.project.id)
        deployment = await pushpaka.deployments.deploy(actor, wanted)
        deployment = await pushpaka.deployments.wait(actor, deployment.id, timedelta(minutes=5))
        print(deployment.status, hello.url)


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), Path(sys.argv[2]))
