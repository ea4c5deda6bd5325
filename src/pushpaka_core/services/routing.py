"""Who answers for which host: a pure function of the database, put in force as a whole."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from anyio import Lock
from attrs import field, frozen

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployments import (
    PRODUCTION,
    Deployment,
    DeploymentId,
    DeploymentStatus,
    Target,
)
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.instances import WEB, Instance, InstanceState
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.ports.router import Route, Router, RouteTable, Upstream
from pushpaka_core.ports.storage import Storage, UnitOfWork

_ROUTED = (DeploymentStatus.DEPLOYING, DeploymentStatus.RUNNING, DeploymentStatus.CRASHED)


@frozen
class Routing:
    """Writes the route table and sees that the router uses it."""

    _storage: Storage
    _router: Router
    _addresses: Addresses
    _api: Upstream | None = None
    """Where the API listens; None routes no API."""
    _writing: Lock = field(factory=Lock)

    async def publish(self) -> None:
        """
        Put in force what the database says now.

        Raises:
            RouterUnavailableError: If the router does not take it; harmless to repeat.
        """
        async with self._writing:
            async with self._storage.transaction() as uow:
                generation = await uow.next_generation()
                routes = await self._routes(uow)
            await self._router.apply(RouteTable(generation=generation, routes=routes))

    async def is_in_force(self) -> bool:
        """Tell whether the router shows a table of ours; one that was restarted empty does not."""
        return bool(await self._router.generation())

    async def _routes(self, uow: UnitOfWork) -> Sequence[Route]:
        deployments = [d for d in await uow.deployments.with_status(_ROUTED) if d.is_committed]
        projects = {p.id: p for p in await uow.projects.visible_to(PLATFORM).all()}
        upstreams = _upstreams(await uow.instances.of_deployments([d.id for d in deployments]))
        targets = await uow.targets.of_projects()
        domains = await self._domains(uow)
        by_id = {d.id: d for d in deployments}
        return [
            *self._api_routes(),
            *self._project_routes(targets, projects, by_id, domains, upstreams),
            *(self._own_route(d, upstreams) for d in deployments if not d.drain_until),
        ]

    def _api_routes(self) -> Iterable[Route]:
        if self._api is not None:
            hosts = (self._addresses.api_host,)
            yield Route(name="api", hosts=hosts, upstreams=(self._api,), title="The API")

    def _project_routes(
        self,
        targets: Sequence[Target],
        projects: Mapping[ProjectId, Project],
        deployments: Mapping[DeploymentId, Deployment],
        domains: Mapping[ProjectId, Sequence[str]],
        upstreams: Mapping[DeploymentId, tuple[Upstream, ...]],
    ) -> Iterable[Route]:
        for target in targets:
            project, deployment = projects[target.project_id], deployments.get(target.deployment_id)
            if deployment is None or target.name != PRODUCTION or target.stopped_at:
                continue
            hosts = (self._addresses.project_host(project.slug), *domains.get(project.id, ()))
            yield Route(
                name=f"project-{project.slug}",
                hosts=hosts,
                upstreams=upstreams.get(deployment.id, ()),
                title=project.name,
            )

    def _own_route(
        self, deployment: Deployment, upstreams: Mapping[DeploymentId, tuple[Upstream, ...]]
    ) -> Route:
        return Route(
            name=f"deployment-{deployment.id.hex}",
            hosts=(self._addresses.deployment_host(deployment),),
            upstreams=upstreams.get(deployment.id, ()),
            title=deployment.slug,
        )

    async def _domains(self, uow: UnitOfWork) -> Mapping[ProjectId, Sequence[str]]:
        by_project: dict[ProjectId, list[str]] = defaultdict(list)
        for domain in await uow.custom_domains.visible_to(PLATFORM).all():
            if domain.is_verified:
                by_project[domain.project_id].append(domain.domain)
        return by_project


def _upstreams(instances: Iterable[Instance]) -> Mapping[DeploymentId, tuple[Upstream, ...]]:
    by_deployment: dict[DeploymentId, tuple[Upstream, ...]] = defaultdict(tuple)
    for instance in instances:
        if _answers(instance) and instance.port is not None:
            upstream = Upstream(host=instance.host, port=instance.port)
            by_deployment[instance.deployment_id] += (upstream,)
    return by_deployment


def _answers(instance: Instance) -> bool:
    return instance.process_type == WEB and instance.state is InstanceState.LIVE
