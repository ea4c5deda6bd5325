"""One-off commands: what an operator runs in the release that a project serves."""

from collections.abc import Awaitable, Callable, Sequence

from attrs import evolve, frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.build_plans import Origin, Step
from pushpaka_core.domain.deployments import PRODUCTION
from pushpaka_core.domain.instances import ONE_OFF
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.nodes import Node
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import ConflictError, NotFoundError
from pushpaka_core.ports.processes import Exit, OutputChunk
from pushpaka_core.ports.runtime import Runtime, StartRequest
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.services.jobs import Job, Jobs
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.roles import part_for, project_for
from pushpaka_core.services.starting import Starting


@frozen(kw_only=True)
class OneOffService:
    """
    Runs commands beside what is served, with the same files, env vars and limits.

    They are the caller's alone: no row is kept of them and no log, and they end with the call.
    """

    _storage: Storage
    _runtime: Runtime
    _jobs: Jobs
    _starting: Starting
    _journal: Journal
    _node: Node

    async def run(
        self,
        actor: Actor,
        project: str,
        command: str,
        *,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Exit:
        """
        Run *command*, a line of a shell, in what production of *project* serves, to its end.

        Args:
            actor: Who runs it; the audit trail says so, and not which command it was.
            project: Its id; or its slug or name, where no other is called so.
            command: The line.
            on_output: Told what it prints.

        Raises:
            NotFoundError: If there is no such project.
            ConflictError: If several have that name, it serves nothing, or not from here.
            StartError: If what was built is gone, or has no shell.
            RuntimeUnavailableError: If what runs instances does not answer.
        """
        actor.require_scope(Scope.FULL)
        request = self._request(await self._served(actor, project), command)
        return await self._runtime.run_once(request, timeout=None, on_output=on_output)

    async def _served(self, actor: Actor, named: str) -> Job:
        async with self._storage.transaction() as uow:
            chosen = _chosen(await uow.projects.visible_to(actor).all(), named)
            project = await project_for(uow, actor, chosen.id, ProjectRole.MEMBER)
            target = await uow.targets.find(project, PRODUCTION)
            if target is None:
                raise ConflictError(f"The project {project.slug} serves nothing yet. Deploy it.")
            if target.stopped_at is not None:
                raise ConflictError(f"The project {project.slug} is stopped. Start it first.")
            await self._require_here(uow)
            deployment = await part_for(
                uow, actor, uow.deployments, target.deployment_id, ProjectRole.MEMBER
            )
            await self._journal.note(uow, actor, "project.command_run", project.id, project.slug)
        return await self._jobs.of(deployment)

    async def _require_here(self, uow: UnitOfWork) -> None:
        node = await uow.nodes.find(self._node.runtime)
        if node is None:
            raise ConflictError(
                f"Nothing was ever run by the runtime {self._node.runtime} here. Set "
                "PUSHPAKA_RUNTIME as serve has it."
            )
        if node != self._node:
            raise ConflictError(
                f"Applications run on the node {node.name}, and not from this data directory. "
                "Run the command there, with the settings of serve."
            )

    def _request(self, job: Job, command: str) -> StartRequest:
        request = self._starting.request(job, self._starting.one_off(job))
        step = Step(command=command, origin=Origin.PROJECT)
        plan = evolve(request.plan, processes={**request.plan.processes, ONE_OFF: step})
        return evolve(request, plan=plan)


def _chosen(projects: Sequence[Project], named: str) -> Project:
    present = [project for project in projects if project.deleted_at is None]
    found = [one for one in present if named in {str(one.id), one.slug, one.name}]
    if not found:
        raise NotFoundError("project")
    if len(found) > 1:
        ids = ", ".join(f"{project.id} ({project.slug})" for project in found)
        raise ConflictError(f"Several projects are called {named}. Give the id of one: {ids}.")
    return found[0]
