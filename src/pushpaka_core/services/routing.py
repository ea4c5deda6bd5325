"""Who answers for which host: a pure function of the database, put in force as a whole."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from anyio import Lock
from attrs import define, field

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.custom_domains import CustomDomain
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import PRODUCTION, Deployment, DeploymentId
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.instances import Instance
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.targets import Target
from pushpaka_core.ports.router import Route, Router, RouteTable, Upstream
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.services.remembering import Remembered

_ROUTED = (DeploymentStatus.DEPLOYING, DeploymentStatus.RUNNING, DeploymentStatus.CRASHED)


@define
class Routing:
    """Writes the route table and sees that the router uses it."""

    _storage: Storage
    _router: Router
    _addresses: Addresses
    _apis: tuple[Upstream, ...] = ()
    """Where the API listens; without any it has no route."""
    _writing: Lock = field(factory=Lock, init=False)
    _in_force: RouteTable | None = field(default=None, init=False)
    """The last table that the router was seen to use."""
    _remembered: Remembered[Sequence[Route]] = field(init=False)

    @_remembered.default
    def _remember(self) -> Remembered[Sequence[Route]]:
        return Remembered(self._routes)

    async def publish(self) -> None:
        """
        Put in force what the database says now.

        Raises:
            RouterUnavailableError: If the router does not take it; harmless to repeat.
        """
        async with self._writing:
            # A restored database may count behind the router, which would ignore its tables.
            above = await self._router.generation() or 0
            async with self._storage.transaction() as uow:
                generation = await uow.next_generation(above=above)
            # Only then: what was committed before a lesser number was drawn is in this table.
            async with self._storage.snapshot() as uow:
                table = RouteTable(generation=generation, routes=await self._routes(uow))
            await self._router.apply(table)
            self._in_force = table

    async def newest(self) -> RouteTable:
        """Return what the database says now, under the last generation that was drawn."""
        async with self._storage.snapshot() as uow:
            return RouteTable(generation=await uow.generation(), routes=await self._routes(uow))

    async def is_in_force(self) -> bool:
        """Tell whether the router shows our last table or a newer one, and it is still right."""
        shown, known = await self._router.generation(), self._in_force
        if known is None or shown is None or shown < known.generation:
            return False
        async with self._storage.snapshot() as uow:
            return known.routes == await self._remembered.get(uow)

    async def _routes(self, uow: UnitOfWork) -> Sequence[Route]:
        projects = {
            project.id: project
            for project in await uow.projects.visible_to(PLATFORM).all()
            if project.deleted_at is None
        }
        deployments = {
            deployment.id: deployment
            for deployment in await uow.deployments.all(_ROUTED)
            if deployment.is_committed and deployment.project_id in projects
        }
        instances = await uow.instances.of_deployments(deployments.values())
        leases = {deployment.lease for deployment in deployments.values()}
        upstreams = _upstreams(i for i in instances if i.lease in leases)
        targets = [
            target
            for target in await uow.targets.all()
            if target.project_id in projects
            and (target.stopped_at or target.deployment_id in deployments)
        ]
        return (
            *self._api_routes(),
            *self._project_routes(targets, projects, await self._domains(uow), upstreams),
            *(self._own_route(d, upstreams) for d in deployments.values() if not d.drain_until),
            *(self._stopped_route(t, projects[t.project_id]) for t in targets if t.stopped_at),
        )

    def _api_routes(self) -> Iterable[Route]:
        if self._apis:
            hosts = (self._addresses.api_host,)
            yield Route(
                name="api",
                hosts=hosts,
                has_certificates=self._certified(*hosts),
                upstreams=self._apis,
                title="The API",
            )

    def _certified(self, *hosts: str) -> tuple[str, ...]:
        """Return those of the platform's own *hosts* whose visitors are sent to HTTPS."""
        return hosts if self._addresses.is_certified else ()

    def _project_routes(
        self,
        targets: Iterable[Target],
        projects: Mapping[ProjectId, Project],
        domains: Mapping[ProjectId, Sequence[CustomDomain]],
        upstreams: Mapping[DeploymentId, tuple[Upstream, ...]],
    ) -> Iterable[Route]:
        for target in targets:
            if target.name != PRODUCTION:
                continue
            project = projects[target.project_id]
            host, own = self._addresses.project_host(project.slug), domains.get(project.id, ())
            certified = (d.domain for d in own if d.ssl_enabled)
            yield Route(
                name=f"project-{project.slug}",
                hosts=(host, *(d.domain for d in own)),
                wants_certificates=tuple(d.domain for d in own if d.wants_certificate),
                has_certificates=(*self._certified(host), *certified),
                upstreams=() if target.stopped_at else upstreams.get(target.deployment_id, ()),
                title=project.name,
                is_stopped=target.stopped_at is not None,
            )

    def _own_route(
        self, deployment: Deployment, upstreams: Mapping[DeploymentId, tuple[Upstream, ...]]
    ) -> Route:
        host = self._addresses.deployment_host(deployment)
        return Route(
            name=f"deployment-{deployment.id.hex}",
            hosts=(host,),
            has_certificates=self._certified(host),
            upstreams=upstreams.get(deployment.id, ()),
            title=deployment.slug,
        )

    def _stopped_route(self, target: Target, project: Project) -> Route:
        """Keep the address of what was stopped, which may be all that a preview ever had."""
        host = self._addresses.host_of(project.slug, target.deployment_id)
        return Route(
            name=f"deployment-{target.deployment_id.hex}",
            hosts=(host,),
            has_certificates=self._certified(host),
            upstreams=(),
            title=project.name,
            is_stopped=True,
        )

    async def _domains(self, uow: UnitOfWork) -> Mapping[ProjectId, Sequence[CustomDomain]]:
        by_project: dict[ProjectId, list[CustomDomain]] = defaultdict(list)
        for domain in await uow.custom_domains.visible_to(PLATFORM).all():
            # A row is not believed either: who can write one shall not answer for our own names.
            if domain.is_routable and not self._addresses.is_reserved(domain.domain):
                by_project[domain.project_id].append(domain)
        return by_project


def _upstreams(instances: Iterable[Instance]) -> Mapping[DeploymentId, tuple[Upstream, ...]]:
    by_deployment: dict[DeploymentId, tuple[Upstream, ...]] = defaultdict(tuple)
    for instance in instances:
        if instance.is_routed and instance.port is not None:
            upstream = Upstream(host=instance.host, port=instance.port)
            by_deployment[instance.deployment_id] += (upstream,)
    return by_deployment
