"""One-off commands in the active release of a project."""

from collections.abc import Awaitable, Callable, Sequence

from attrs import evolve, frozen

from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.instances.instances import ONE_OFF_PROCESS_TYPE
from pushpaka_core.domain.pipeline.build_plans import BuildStep, Origin
from pushpaka_core.domain.platform.nodes import Node
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.errors import ConflictError, NotFoundError
from pushpaka_core.ports.processes import Exit, OutputChunk
from pushpaka_core.ports.runtime import Runtime, StartRequest
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.services.accounts.permissions import get_entity, get_project
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.deployments.jobs import Job, JobLoader
from pushpaka_core.services.instances.rows import InstanceRows
from pushpaka_core.services.instances.starter import InstanceStarter


@frozen(kw_only=True)
class OneOffCommandService:
    """
    Runs commands next to the application, with the same files, environment variables and limits.

    A one-off command is not stored, has no log and ends with the call. Its caller gets the output.
    """

    _storage: Storage
    _runtime: Runtime
    _job_loader: JobLoader
    _rows: InstanceRows
    _starter: InstanceStarter
    _audit_log: AuditLog
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
        Run *command* in the active production release of *project* until it ends.

        Args:
            actor: The caller. The audit log records that the caller ran a command, but not which
                command.
            project: The id of the project, or its slug or name if only one project has it.
            command: A shell command line.
            on_output: Called with each chunk of output.

        Returns:
            The exit code or signal.

        Raises:
            NotFoundError: If there is no such project.
            ConflictError: If several projects have that name, production is not deployed or is
                stopped, or applications run on another node.
            StartError: If the artifact was removed, or has no shell.
            RuntimeUnavailableError: If the runtime does not respond.
        """
        actor.require_scope(Scope.FULL)
        request = self._start_request(await self._active_job(actor, project), command)
        return await self._runtime.run_once(request, timeout=None, on_output=on_output)

    async def _active_job(self, actor: Actor, project_name: str) -> Job:
        async with self._storage.transaction() as uow:
            chosen = _find_project(await uow.projects.visible_to(actor).all(), project_name)
            project = await get_project(uow, actor, chosen.id, ProjectRole.MEMBER)
            target = await uow.targets.find(project, PRODUCTION)
            if target is None:
                raise ConflictError(
                    f"The project {project.slug} has no active deployment. Deploy it first."
                )
            if target.stopped_at is not None:
                raise ConflictError(f"The project {project.slug} is stopped. Start it first.")
            await self._require_this_node(uow)
            deployment = await get_entity(
                uow, actor, uow.deployments, target.deployment_id, ProjectRole.MEMBER
            )
            await self._audit_log.record(
                uow, actor, "project.command_run", project.id, project.slug
            )
        return await self._job_loader.load_for_deployment(deployment)

    async def _require_this_node(self, uow: UnitOfWork) -> None:
        node = await uow.nodes.find(self._node.runtime)
        if node is None:
            raise ConflictError(
                f'No application of this instance has run on the runtime "{self._node.runtime}". '
                "Set PUSHPAKA_RUNTIME to the server's runtime."
            )
        if node != self._node:
            raise ConflictError(
                f"The applications run on the node {node.name}, but these settings are for a "
                "different node or data directory. Run the command on that node, with the same "
                "settings as the server."
            )

    def _start_request(self, job: Job, command: str) -> StartRequest:
        request = self._starter.start_request(job, self._rows.one_off_instance(job))
        step = BuildStep(command=command, origin=Origin.PROJECT)
        plan = evolve(
            request.plan, processes={**request.plan.processes, ONE_OFF_PROCESS_TYPE: step}
        )
        return evolve(request, plan=plan)


def _find_project(projects: Sequence[Project], name: str) -> Project:
    present = [project for project in projects if project.deleted_at is None]
    found = [one for one in present if name in {str(one.id), one.slug, one.name}]
    if not found:
        raise NotFoundError("project")
    if len(found) > 1:
        ids = ", ".join(f"{project.id} ({project.slug})" for project in found)
        raise ConflictError(f"Several projects are named {name}. Use the id of one of them: {ids}.")
    return found[0]
