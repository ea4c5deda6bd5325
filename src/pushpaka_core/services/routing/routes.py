"""Computes the route table from the database, and publishes it as a whole."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from anyio import Lock
from attrs import define, field, frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.ids import DeploymentId, ProjectId
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.routing.custom_domains import CustomDomain
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.ports.router import Route, Router, RouteTable, SerializeRouteTable, Upstream
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.services.versioned_cache import VersionedCache

_ROUTED = (DeploymentStatus.DEPLOYING, DeploymentStatus.RUNNING, DeploymentStatus.CRASHED)


@define
class RoutePublisher:
    """Publishes the route table, and checks that the router uses it."""

    _storage: Storage
    _router: Router
    _public_urls: PublicUrls
    _api_upstreams: tuple[Upstream, ...] = ()
    """The addresses of the API. Without any, the API has no route."""
    _router_secret: str = field(default="", repr=False)
    """Sent by the router to the API, so that the API trusts the router's X-Forwarded-For header."""
    _publish_lock: Lock = field(factory=Lock, init=False)
    _requested_calls: int = field(default=0, init=False)
    """The number of calls to `publish` so far."""
    _covered_calls: int = field(default=0, init=False)
    """The number of calls to `publish` whose changes are part of the table in use."""
    _confirmed_table: RouteTable | None = field(default=None, init=False)
    """The last table that the router confirmed."""
    _cached_routes: VersionedCache[Sequence[Route]] = field(init=False)

    @_cached_routes.default
    def _new_cache(self) -> VersionedCache[Sequence[Route]]:
        return VersionedCache(self._routes)

    async def publish(self) -> None:
        """
        Publish the current state of the database as a route table.

        Concurrent calls share one table. Repeating the call is harmless.

        Raises:
            RouterUnavailableError: If the router does not confirm the table.
        """
        self._requested_calls += 1
        turn = self._requested_calls
        async with self._publish_lock:
            if self._covered_calls >= turn:
                return
            covered = self._requested_calls
            # A restored database may be behind the router, which would ignore lower generations.
            lower_bound = await self._router.generation() or 0
            async with self._storage.transaction() as uow:
                generation = await uow.next_route_generation(lower_bound=lower_bound)
            # Read after the generation was drawn: whatever was committed before a lower generation
            # was drawn is then in this table too.
            async with self._storage.snapshot() as uow:
                table = RouteTable(generation=generation, routes=await self._routes(uow))
            await self._router.apply(table)
            self._confirmed_table = table
            self._covered_calls = covered

    async def current_table(self) -> RouteTable:
        """Return the current route table, with the last generation that was assigned."""
        async with self._storage.snapshot() as uow:
            return RouteTable(
                generation=await uow.route_generation(), routes=await self._routes(uow)
            )

    async def is_current(self) -> bool:
        """
        Return True if the router uses this process's last table or a newer one, and that table
        is up to date.
        """
        shown, known = await self._router.generation(), self._confirmed_table
        if known is None or shown is None or shown < known.generation:
            return False
        async with self._storage.snapshot() as uow:
            return known.routes == await self._cached_routes.get(uow)

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
        targets = [
            target
            for target in await uow.targets.all()
            if target.has_web
            and target.project_id in projects
            and (target.stopped_at or target.deployment_id in deployments)
        ]
        held = {t.deployment_id: t.held_until for t in targets if t.held_until}
        upstreams = _upstreams(
            i for i in instances if i.lease in leases and i.deployment_id not in held
        )
        return (
            *self._api_routes(),
            *self._project_routes(targets, projects, await self._domains(uow), upstreams),
            *(
                self._deployment_route(d, upstreams, held.get(d.id))
                for d in deployments.values()
                if d.has_web and not d.drain_until
            ),
            *(self._stopped_route(t, projects[t.project_id]) for t in targets if t.stopped_at),
        )

    def _api_routes(self) -> Iterable[Route]:
        if self._api_upstreams:
            hosts = (self._public_urls.api_host,)
            yield Route(
                name="api",
                hosts=hosts,
                https_hosts=self._with_certificates(*hosts),
                upstreams=self._api_upstreams,
                app_name="The API",
                router_secret=self._router_secret,
            )

    def _with_certificates(self, *hosts: str) -> tuple[str, ...]:
        """Return *hosts* if the platform has certificates for them, else an empty tuple."""
        return hosts if self._public_urls.has_wildcard_certificate else ()

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
            host, own = self._public_urls.project_host(project.slug), domains.get(project.id, ())
            certified = (d.domain for d in own if d.ssl_enabled)
            yield Route(
                name=f"project-{project.slug}",
                hosts=(host, *(d.domain for d in own)),
                certificate_hosts=tuple(d.domain for d in own if d.needs_certificate),
                https_hosts=(*self._with_certificates(host), *certified),
                upstreams=() if target.stopped_at else upstreams.get(target.deployment_id, ()),
                held_until=target.held_until,
                app_name=project.name,
                is_stopped=target.stopped_at is not None,
            )

    def _deployment_route(
        self,
        deployment: Deployment,
        upstreams: Mapping[DeploymentId, tuple[Upstream, ...]],
        held_until: datetime | None,
    ) -> Route:
        host = self._public_urls.deployment_host(deployment)
        return Route(
            name=f"deployment-{deployment.id.hex}",
            hosts=(host,),
            https_hosts=self._with_certificates(host),
            upstreams=upstreams.get(deployment.id, ()),
            held_until=held_until,
            app_name=deployment.slug,
        )

    def _stopped_route(self, target: Target, project: Project) -> Route:
        """Return the route for the own address of a stopped deployment: the stopped page."""
        host = self._public_urls.deployment_host_of(project.slug, target.deployment_id)
        return Route(
            name=f"deployment-{target.deployment_id.hex}",
            hosts=(host,),
            https_hosts=self._with_certificates(host),
            upstreams=(),
            app_name=project.name,
            is_stopped=True,
        )

    async def _domains(self, uow: UnitOfWork) -> Mapping[ProjectId, Sequence[CustomDomain]]:
        by_project: dict[ProjectId, list[CustomDomain]] = defaultdict(list)
        for domain in await uow.custom_domains.visible_to(PLATFORM).all():
            # Check again, so that a forged row cannot take over a host name of the platform.
            if domain.is_routable and not self._public_urls.is_reserved(domain.domain):
                by_project[domain.project_id].append(domain)
        return by_project


def _upstreams(instances: Iterable[Instance]) -> Mapping[DeploymentId, tuple[Upstream, ...]]:
    by_deployment: dict[DeploymentId, tuple[Upstream, ...]] = defaultdict(tuple)
    for instance in instances:
        if instance.is_routed and instance.port is not None:
            upstream = Upstream(host=instance.host, port=instance.port)
            by_deployment[instance.deployment_id] += (upstream,)
    return by_deployment


@frozen
class RouteTableService:
    """Renders the route table from the database. Every process of an instance can do this."""

    _route_publisher: RoutePublisher
    _render: SerializeRouteTable

    async def current(self) -> str:
        """Return the current route table in the format that routers read."""
        return self._render(await self._route_publisher.current_table())
