"""The promises, as sentences over what can be seen of a platform at one moment."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from attrs import define, evolve, field, frozen
from tests.services.platform import Platform

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployment_steps import IN_WORK, SERVING, DeploymentStatus
from pushpaka_core.domain.deployments import PRODUCTION, Deployment, DeploymentId, Lease
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.instances import WEB, Instance, InstanceState
from pushpaka_core.domain.logs import LogFilter
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.targets import Target
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.ports.storage import Storage

S = DeploymentStatus
ADDRESSES = Addresses()
Place = tuple[ProjectId, str]


@frozen(kw_only=True)
class Sight:
    """All rows that matter, at one moment."""

    projects: Mapping[ProjectId, Project]
    deployments: Mapping[DeploymentId, Deployment]
    targets: Mapping[Place, Target]
    instances: Sequence[Instance]

    @property
    def leases(self) -> set[Lease]:
        """The leases under which somebody works."""
        return {d.lease for d in self.deployments.values() if d.is_in_work}

    def of(self, project: Project) -> list[Deployment]:
        """Return the deployments of one project: those that serve, then the newest."""
        own = [d for d in self.deployments.values() if d.project_id == project.id]
        return sorted(own, key=lambda d: (d.status not in SERVING, -d.sequence))

    def ports(self, deployment: Deployment) -> set[int | None]:
        """Return where requests to *deployment* are to be sent."""
        own = (i for i in self.instances if i.lease == deployment.lease)
        return {i.port for i in own if i.process_type == WEB and i.state is InstanceState.LIVE}

    def served(self, project: Project) -> Deployment | None:
        """Return what requests to *project* are to be answered by."""
        target = self.targets.get((project.id, PRODUCTION))
        if target is None or target.stopped_at or project.deleted_at:
            return None
        present = self.deployments[target.deployment_id]
        return present if _is_routed(present) else None

    def routes(self) -> Mapping[str, set[int | None]]:
        """Return which ports each host is to lead to."""
        lasting = [p for p in self.projects.values() if p.deleted_at is None]
        ids = {project.id for project in lasting}
        served = {ADDRESSES.project_host(p.slug): d for p in lasting if (d := self.served(p))}
        stopped = [t for t in self.targets.values() if t.stopped_at and t.project_id in ids]
        own = {
            ADDRESSES.deployment_host(d): d
            for d in self.deployments.values()
            if d.project_id in ids and _is_routed(d) and not d.drain_until
        }
        leading = {host: self.ports(d) for host, d in (served | own).items()}
        return leading | {host: set() for host in self._hosts_of(stopped)}

    def _hosts_of(self, targets: Iterable[Target]) -> Iterator[str]:
        for target in targets:
            slug = self.projects[target.project_id].slug
            yield ADDRESSES.host_of(slug, target.deployment_id)
            if target.name == PRODUCTION:
                yield ADDRESSES.project_host(slug)


async def look(storage: Storage) -> Sight:
    """Return what is there now."""
    async with storage.snapshot() as uow:
        projects = await uow.projects.visible_to(PLATFORM).all()
        deployments = await uow.deployments.all(list(S))
        targets = await uow.targets.all()
        instances = await uow.instances.all()
    return Sight(
        projects={project.id: project for project in projects},
        deployments={deployment.id: deployment for deployment in deployments},
        targets={(target.project_id, target.name): target for target in targets},
        instances=instances,
    )


@define
class Witness:
    """Sees every moment, and says so when a promise is broken."""

    _platform: Platform
    _storage: Storage
    _last: Sight | None = field(default=None, init=False)
    _served: set[str] = field(factory=set, init=False)
    """The hosts that have been answered, and to which nothing has happened since."""
    _reached: set[tuple[str, int, str]] = field(factory=set, init=False)
    """The programs that requests were led to: by host, port and name."""
    _harmed: set[str] = field(factory=set, init=False)
    leases: list[Lease] = field(factory=list, init=False)
    """Every lease that there ever was, the oldest first."""

    def excuse(self, projects: Iterable[Project]) -> None:
        """Expect no answers of *projects* before they have recovered: somebody harmed them."""
        self._served -= {ADDRESSES.project_host(project.slug) for project in projects}

    def blame_fate(self, instance: Instance, project: Project) -> None:
        """Expect nothing of a program that ends without the platform's doing."""
        self._harmed.add(instance.name)
        self.excuse([project])

    async def see(self) -> Sight:
        """Look, and compare with what was seen before."""
        now = await look(self._storage)
        self.leases += sorted(
            now.leases - set(self.leases), key=lambda lease: (lease.deployment_id, lease.fence)
        )
        if self._last is not None:
            nothing_is_lost(self._last, now)
            fences_only_grow(self._last, now)
            the_newest_wins(self._last, now)
            final_is_final(self._last, now)
        one_is_in_work(now)
        at_port = self._at_port(now)
        self._nobody_is_cut_off(at_port)
        self._somebody_answers(now, at_port)
        await self._logs_are_whole(now)
        self._last = now
        return now

    def _at_port(self, now: Sight) -> Mapping[int, StartRequest]:
        """Return the programs that answer."""
        living = self._platform.runtime.living
        return {i.port: living[i.name] for i in now.instances if i.port and i.name in living}

    def _nobody_is_cut_off(self, at_port: Mapping[int, StartRequest]) -> None:
        """P4: no program is ended while requests are led to it, nor is its port another's then."""
        living = self._platform.runtime.living
        routed = {(host, port) for host, ports in self._platform.routes().items() for port in ports}
        for host, port, name in self._reached:
            is_cut_off = (host, port) in routed and port not in at_port and name not in living
            assert not is_cut_off or name in self._harmed, f"P4: {host} led to what was ended"
        reached = [(host, port, at_port[port]) for host, port in routed if port in at_port]
        strangers = {host for host, _, request in reached if host not in _hosts_of(request)}
        assert not strangers, "P4: a host leads to the application of somebody else"
        self._reached = {(host, port, request.instance.name) for host, port, request in reached}

    def _somebody_answers(self, now: Sight, at_port: Mapping[int, StartRequest]) -> None:
        """P4: what was answered once is answered for good."""
        living = self._platform.runtime.living
        routes = self._platform.routes()
        for project in now.projects.values():
            host = ADDRESSES.project_host(project.slug)
            present = now.served(project)
            if present is None:
                self._served.discard(host)
            elif host in self._served:
                is_answered = any(port in at_port for port in routes.get(host, ()))
                assert is_answered, f"P4: {host} was answered, and is not any more"
            elif present.status is S.RUNNING and set(routes.get(host, ())) == now.ports(present):
                own = [i for i in now.instances if i.lease == present.lease]
                if own and all(_is_well(i, living) for i in own):
                    self._served.add(host)

    async def _logs_are_whole(self, now: Sight) -> None:
        """P8: the numbers of the lines are 1, 2, 3 and so on."""
        before = self._last.deployments if self._last else {}
        for one, deployment in now.deployments.items():
            if one in before and before[one].last_seq == deployment.last_seq:
                continue
            async with self._storage.snapshot() as uow:
                # On a busy machine an actor may still write what it began before this look.
                present = await uow.deployments.visible_to(PLATFORM).get(one)
                seqs = [line.seq for line in await uow.logs.lines(present, LogFilter())]
            assert list(range(1, present.last_seq + 1)) == seqs, "P8: a log has a gap"


def nothing_is_lost(before: Sight, now: Sight) -> None:
    """P1: what was accepted is there as long as its project."""
    for one, deployment in before.deployments.items():
        project = before.projects[deployment.project_id]
        assert one in now.deployments or project.deleted_at, "P1: a deployment has vanished"


def fences_only_grow(before: Sight, now: Sight) -> None:
    """P2: a lease that was lost never comes back."""
    for one, deployment in before.deployments.items():
        assert one not in now.deployments or deployment.fence <= now.deployments[one].fence, "P2"


def one_is_in_work(now: Sight) -> None:
    """P3: there is one deployment in work for each target."""
    places = [(d.project_id, d.target) for d in now.deployments.values() if d.is_in_work]
    assert len(set(places)) == len(places), "P3: two are in work for one target"


def the_newest_wins(before: Sight, now: Sight) -> None:
    """P3: a target only moves on to what was asked for later."""
    for place, target in now.targets.items():
        pointed = now.deployments[target.deployment_id]
        assert target.sequence == pointed.sequence, "P3: a target does not know what it serves"
        if place in before.targets:
            assert before.targets[place].sequence <= target.sequence, "P3: a target went back"


def final_is_final(before: Sight, now: Sight) -> None:
    """P5: what is over does not change; only its log may still be written."""
    for one, deployment in before.deployments.items():
        if deployment.is_final and one in now.deployments:
            present = now.deployments[one]
            same = evolve(present, last_seq=deployment.last_seq)
            assert deployment == same, "P5: a final deployment has changed"


async def nothing_is_orphaned(platform: Platform, now: Sight) -> None:
    """P7: what runs or lies about belongs to somebody."""
    committed = {d.lease for d in now.deployments.values() if d.status in SERVING}
    owners = now.leases | committed
    known = {i.name for i in now.instances}
    async with platform.storage.snapshot() as uow:
        kept = {release.artifact for release in await uow.releases.all()}
    built = {name for name, by in (await platform.builder.artifacts()).items() if by not in owners}

    assert set() == {i.lease for i in now.instances} - owners, "P7: rows of instances are left"
    assert set() == set(platform.runtime.living) - known, "P7: programs are left"
    assert set() == set(await platform.workspaces.leases()) - now.leases, "P7: workspaces are left"
    assert set() == built - kept, "P7: artifacts are left"
    assert not _forgotten(now), "P7: deleted projects are left"


def routes_are_right(platform: Platform, now: Sight) -> None:
    """P4: the routes in force are those of the database."""
    in_force = {host: set(ports) for host, ports in platform.routes().items()}
    assert now.routes() == in_force, "P4: the routes are not those of the database"


def routes_lead_to_programs(platform: Platform) -> None:
    """P4: behind each route there is something that lives."""
    living = {request.instance.port for request in platform.runtime.living.values()}
    routed = {port for ports in platform.routes().values() for port in ports}
    assert set() == routed - living, "P4: a route leads to nothing"


def all_is_at_rest(now: Sight) -> None:
    """P1: nothing waits or is in work, and what is wanted is served."""
    restless = {d.id: d.status for d in now.deployments.values() if _is_restless(d)}
    assert {} == restless, "P1: something hangs"
    for project in now.projects.values():
        target = now.targets.get((project.id, PRODUCTION))
        if target is not None and target.stopped_at is None:
            present = now.served(project)
            assert present is not None, "P4: nothing serves"
            assert (S.RUNNING, None) == (present.status, present.drain_until), "P4: it does not run"
            assert now.ports(present), "P4: nobody listens"


def _hosts_of(request: StartRequest) -> set[str]:
    """Return the hosts that may lead to a program."""
    slug, deployment_id = request.project.slug, request.instance.deployment_id
    return {ADDRESSES.project_host(slug), ADDRESSES.host_of(slug, deployment_id)}


def _is_routed(deployment: Deployment) -> bool:
    return deployment.is_committed and (deployment.status in {*SERVING, S.DEPLOYING})


def _is_restless(deployment: Deployment) -> bool:
    return deployment.is_in_work or deployment.status is S.QUEUED


def _is_well(instance: Instance, living: Collection[str]) -> bool:
    is_settled = instance.state in (InstanceState.LIVE, InstanceState.STOPPING)
    return is_settled and instance.name in living


def _forgotten(now: Sight) -> set[ProjectId]:
    busy = {d.project_id for d in now.deployments.values() if d.status in IN_WORK}
    return {p.id for p in now.projects.values() if p.deleted_at} - busy
