"""Asserts the promises P1 to P8, P11 and P12 about a platform's database and programs."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from attrs import define, evolve, field, frozen
from tests.platform_fixtures import Platform

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.state_machine import IN_PROGRESS, SERVING, DeploymentStatus
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.ids import DeploymentId, ProjectId, VolumeId
from pushpaka_core.domain.instances.instances import (
    WEB_PROCESS_TYPE,
    Instance,
    InstanceState,
    broken_reason,
)
from pushpaka_core.domain.logs.logs import LogFilter
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.ports.storage.storage import Storage

S = DeploymentStatus
ADDRESSES = PublicUrls()
Place = tuple[ProjectId, str]


@frozen(kw_only=True)
class Snapshot:
    """The rows that the promises are about, in the database at one moment."""

    projects: Mapping[ProjectId, Project]
    deployments: Mapping[DeploymentId, Deployment]
    targets: Mapping[Place, Target]
    instances: Sequence[Instance]
    volumes: Mapping[VolumeId, Volume]

    @property
    def leases(self) -> set[Lease]:
        """The leases of all deployments in progress."""
        return {d.lease for d in self.deployments.values() if d.is_in_progress}

    def of(self, project: Project) -> list[Deployment]:
        """Return the deployments of a project: first active ones, and newer before older ones."""
        own = [d for d in self.deployments.values() if d.project_id == project.id]
        return sorted(own, key=lambda d: (d.status not in SERVING, -d.sequence))

    def ports(self, deployment: Deployment) -> set[int | None]:
        """Return the ports of the live web instances of *deployment*."""
        own = (i for i in self.instances if i.lease == deployment.lease)
        return {
            i.port
            for i in own
            if i.process_type == WEB_PROCESS_TYPE and i.state is InstanceState.LIVE
        }

    def served(self, project: Project) -> Deployment | None:
        """Return the deployment that receives the production traffic of *project*, or None."""
        target = self.targets.get((project.id, PRODUCTION))
        if target is None or target.stopped_at or project.deleted_at:
            return None
        present = self.deployments[target.deployment_id]
        return present if _is_routed(present) else None

    def is_stopped(self, deployment: Deployment) -> bool:
        """Return True if the target of *deployment* is stopped, or was deleted with its project."""
        target = self.targets.get((deployment.project_id, deployment.target))
        is_deleted = self.projects[deployment.project_id].deleted_at is not None
        return target is None or target.stopped_at is not None or is_deleted

    def routes(self) -> Mapping[str, set[int | None]]:
        """Return the ports that each host name must be routed to. Stopped targets have none."""
        lasting = [p for p in self.projects.values() if p.deleted_at is None]
        ids = {project.id for project in lasting}
        served = {ADDRESSES.project_host(p.slug): d for p in lasting if (d := self.served(p))}
        stopped = [t for t in self.targets.values() if t.stopped_at and t.project_id in ids]
        own = {
            ADDRESSES.deployment_host(d): d
            for d in self.deployments.values()
            if d.project_id in ids and _is_routed(d) and not d.drain_until
        }
        held = {target.deployment_id for target in self.targets.values() if target.held_until}
        leading = {
            host: set() if d.id in held else self.ports(d) for host, d in (served | own).items()
        }
        return leading | {host: set() for host in self._hosts_of(stopped)}

    def _hosts_of(self, targets: Iterable[Target]) -> Iterator[str]:
        for target in targets:
            slug = self.projects[target.project_id].slug
            yield ADDRESSES.deployment_host_of(slug, target.deployment_id)
            if target.name == PRODUCTION:
                yield ADDRESSES.project_host(slug)


async def snapshot_of(storage: Storage) -> Snapshot:
    """Read the current rows from the database."""
    async with storage.snapshot() as uow:
        projects = await uow.projects.visible_to(PLATFORM).all()
        deployments = await uow.deployments.all(list(S))
        targets = await uow.targets.all()
        instances = await uow.instances.all()
        volumes = await uow.volumes.visible_to(PLATFORM).all()
    return Snapshot(
        projects={project.id: project for project in projects},
        deployments={deployment.id: deployment for deployment in deployments},
        targets={(target.project_id, target.name): target for target in targets},
        instances=instances,
        volumes={volume.id: volume for volume in volumes},
    )


@define
class Observer:
    """Checks the promises after each step, and compares the step with the previous one."""

    _platform: Platform
    _storage: Storage
    _last: Snapshot | None = field(default=None, init=False)
    _served: set[str] = field(factory=set, init=False)
    """Host names that have responded, and whose programs no fault has disturbed since."""
    _reached: set[tuple[str, int, str]] = field(factory=set, init=False)
    """The programs that were routed at the last check, as tuples of host, port and name."""
    _harmed: set[str] = field(factory=set, init=False)
    """Names of programs that a fault has crashed, or kept from responding."""
    leases: list[Lease] = field(factory=list, init=False)
    """All leases so far, oldest first."""

    def expect_outage(self, projects: Iterable[Project]) -> None:
        """Expect that *projects* do not respond until they have recovered."""
        self._served -= {ADDRESSES.project_host(project.slug) for project in projects}

    def expect_crash(self, instance: Instance, project: Project) -> None:
        """Expect that *instance* does not respond, because of a fault."""
        self._harmed.add(instance.name)
        self.expect_outage([project])

    async def check(self) -> Snapshot:
        """Check all promises that hold at any moment, and return the current rows."""
        now = await snapshot_of(self._storage)
        self.leases += sorted(
            now.leases - set(self.leases), key=lambda lease: (lease.deployment_id, lease.fence)
        )
        if self._last is not None:
            assert_nothing_lost(self._last, now)
            assert_fences_grow(self._last, now)
            assert_newest_wins(self._last, now)
            assert_final_is_final(self._last, now)
            assert now.volumes.keys() >= self._last.volumes.keys(), "P11: a volume has vanished"
        assert_one_in_work(now)
        assert_one_serves(now)
        self._assert_one_writer()
        at_port = self._programs_by_port(now)
        self._assert_no_program_cut_off(at_port)
        self._assert_answered(now, at_port)
        await self._assert_logs_complete(now)
        await self._assert_files_kept(now)
        self._last = now
        return now

    def _programs_by_port(self, now: Snapshot) -> Mapping[int, StartRequest]:
        """Return the listening programs by port."""
        living = self._platform.runtime.running
        return {i.port: living[i.name] for i in now.instances if i.port and i.name in living}

    def _assert_one_writer(self) -> None:
        """P12: a program that must be the only writer of its volumes has them alone."""
        mounts = [
            mount
            for request in self._platform.runtime.running.values()
            for mount in request.settings.volumes
        ]
        users = Counter(mount.volume_id for mount in mounts)
        exclusive = {mount.volume_id for mount in mounts if mount.access is VolumeAccess.ONE}
        assert set() == {one for one in exclusive if users[one] > 1}, "P12: two write"

    def _assert_no_program_cut_off(self, programs: Mapping[int, StartRequest]) -> None:
        """P4: no route leads to a stopped program, or to a program of another application."""
        living = self._platform.runtime.running
        routed = {(host, port) for host, ports in self._platform.routes().items() for port in ports}
        for host, port, name in self._reached:
            is_cut_off = (host, port) in routed and port not in programs and name not in living
            assert not is_cut_off or name in self._harmed, f"P4: {host} leads to an ended program"
        reached = [(host, port, programs[port]) for host, port in routed if port in programs]
        foreign = {host for host, _, request in reached if host not in _possible_hosts(request)}
        assert not foreign, "P4: a host leads to another application"
        self._reached = {(host, port, request.instance.name) for host, port, request in reached}

    def _assert_answered(self, now: Snapshot, programs: Mapping[int, StartRequest]) -> None:
        """P4: a host that has responded once continues to respond until a fault or a stop."""
        living = self._platform.runtime.running
        routes = self._platform.routes()
        for project in now.projects.values():
            host = ADDRESSES.project_host(project.slug)
            present = now.served(project)
            if present is None:
                self._served.discard(host)
            elif host in self._served:
                is_held = any(
                    r.held_until and host in r.hosts for r in self._platform.router.routes
                )
                is_answered = is_held or any(port in programs for port in routes.get(host, ()))
                assert is_answered, f"P4: {host} answered, and does not any more"
            elif present.status is S.RUNNING and set(routes.get(host, ())) == now.ports(present):
                own = [i for i in now.instances if i.lease == present.lease]
                if own and all(_is_running(i, living) for i in own):
                    self._served.add(host)

    async def _assert_logs_complete(self, now: Snapshot) -> None:
        """P8: the lines of each log are numbered without gaps."""
        before = self._last.deployments if self._last else {}
        for one, deployment in now.deployments.items():
            if one in before and before[one].last_seq == deployment.last_seq:
                continue
            async with self._storage.snapshot() as uow:
                # On a busy machine a task may still finish a write that it began before.
                present = await uow.deployments.visible_to(PLATFORM).get(one)
                seqs = [line.seq for line in await uow.logs.lines(present, LogFilter())]
            assert list(range(1, present.last_seq + 1)) == seqs, "P8: a log has a gap"

    async def _assert_files_kept(self, now: Snapshot) -> None:
        """P11: the files of each volume are kept, and each program has those of its own target."""
        created = {volume.id for volume in now.volumes.values() if volume.node is not None}
        assert created <= set(await self._platform.volume_files.ids()), "P11: files are lost"
        for request in self._platform.runtime.running.values():
            deployment = now.deployments.get(request.instance.deployment_id)
            mounted = {now.volumes[mount.volume_id].target for mount in request.settings.volumes}
            assert deployment is None or mounted <= {deployment.target}, "P11: a foreign volume"


def assert_nothing_lost(before: Snapshot, now: Snapshot) -> None:
    """P1: an accepted deployment exists until its project is deleted."""
    for one, deployment in before.deployments.items():
        project = before.projects[deployment.project_id]
        assert one in now.deployments or project.deleted_at, "P1: a deployment has vanished"


def assert_fences_grow(before: Snapshot, now: Snapshot) -> None:
    """P2: fences only grow, so a lost lease never becomes valid again."""
    for one, deployment in before.deployments.items():
        assert one not in now.deployments or deployment.fence <= now.deployments[one].fence, "P2"


def assert_one_in_work(now: Snapshot) -> None:
    """P3: at most one deployment of each target is in progress."""
    places = [(d.project_id, d.target) for d in now.deployments.values() if d.is_in_progress]
    assert len(set(places)) == len(places), "P3: two are in work for one target"


def assert_one_serves(now: Snapshot) -> None:
    """P4: each target has at most one active deployment. Others may only drain."""
    serving = [d for d in now.deployments.values() if d.status in SERVING and not d.drain_until]
    places = [(d.project_id, d.target) for d in serving]
    assert len(set(places)) == len(places), "P4: two serve one target"


def assert_newest_wins(before: Snapshot, now: Snapshot) -> None:
    """P3: a target only switches to a newer deployment, or back from a broken one."""
    for place, target in now.targets.items():
        pointed = now.deployments[target.deployment_id]
        newest = _with_sequence(now, place, target.sequence)
        is_rolled_back = newest.is_rolled_back and pointed.sequence < target.sequence
        assert newest == pointed or is_rolled_back, "P3: a target points to an old deployment"
        if place in before.targets:
            assert before.targets[place].sequence <= target.sequence, "P3: a target went back"


def assert_final_is_final(before: Snapshot, now: Snapshot) -> None:
    """P5: a final deployment does not change, apart from its log."""
    for one, deployment in before.deployments.items():
        if deployment.is_final and one in now.deployments:
            present = now.deployments[one]
            same = evolve(present, last_seq=deployment.last_seq)
            assert deployment == same, "P5: a final deployment has changed"


async def assert_nothing_orphaned(platform: Platform, now: Snapshot) -> None:
    """P7: every instance, program, workspace and artifact belongs to a deployment or a release."""
    committed = {d.lease for d in now.deployments.values() if d.status in SERVING}
    owners = now.leases | committed
    known = {i.name for i in now.instances}
    async with platform.storage.snapshot() as uow:
        kept = {release.artifact for release in await uow.releases.all()}
    built = {name for name, by in (await platform.builder.artifacts()).items() if by not in owners}

    assert set() == {i.lease for i in now.instances} - owners, "P7: rows of instances are left"
    assert set() == set(platform.runtime.running) - known, "P7: programs are left"
    assert set() == set(await platform.workspaces.leases()) - now.leases, "P7: workspaces are left"
    assert set() == built - kept, "P7: artifacts are left"
    assert not _undeleted_projects(now), "P7: deleted projects are left"


def assert_routes_match(platform: Platform, now: Snapshot) -> None:
    """P4: the router's routes are those that follow from the database."""
    in_force = {host: set(ports) for host, ports in platform.routes().items()}
    assert now.routes() == in_force, "P4: the routes are not those of the database"


def assert_routes_lead_to_programs(platform: Platform) -> None:
    """P4: each route leads to a live program."""
    living = {request.instance.port for request in platform.runtime.running.values()}
    routed = {port for ports in platform.routes().values() for port in ports}
    assert set() == routed - living, "P4: a route leads to nothing"


def assert_all_at_rest(now: Snapshot) -> None:
    """P1: no deployment is queued or in progress, and every target is served."""
    restless = {d.id: d.status for d in now.deployments.values() if _is_unfinished(d)}
    assert {} == restless, "P1: a deployment hangs"
    for project in now.projects.values():
        target = now.targets.get((project.id, PRODUCTION))
        if target is not None and target.stopped_at is None:
            present = now.served(project)
            assert present is not None, "P4: nothing serves"
            assert (S.RUNNING, None) == (present.status, present.drain_until), "P4: it does not run"
            assert now.ports(present), "P4: no program listens"


def assert_broken_releases_rolled_back(now: Snapshot, *, moment: datetime) -> None:
    """P4: a release that breaks in its rollback window is replaced by a release that can serve."""
    for deployment in now.deployments.values():
        previous = deployment.replaces and now.deployments.get(deployment.replaces)
        if not deployment.is_in_rollback_window(now=moment) or now.is_stopped(deployment):
            continue
        own = [i for i in now.instances if i.lease == deployment.lease]
        could_serve = previous and previous.status is S.RUNNING and now.ports(previous)
        assert not (broken_reason(own) and could_serve), "P4: a broken release was not rolled back"


def _with_sequence(now: Snapshot, place: Place, sequence: int) -> Deployment:
    (found,) = (
        d
        for d in now.deployments.values()
        if (d.project_id, d.target) == place and d.sequence == sequence
    )
    return found


def _possible_hosts(request: StartRequest) -> set[str]:
    """Return the host names that may be routed to a program."""
    slug, deployment_id = request.project.slug, request.instance.deployment_id
    return {ADDRESSES.project_host(slug), ADDRESSES.deployment_host_of(slug, deployment_id)}


def _is_routed(deployment: Deployment) -> bool:
    return deployment.is_committed and (deployment.status in {*SERVING, S.DEPLOYING})


def _is_unfinished(deployment: Deployment) -> bool:
    return deployment.is_in_progress or deployment.status is S.QUEUED


def _is_running(instance: Instance, running_names: Collection[str]) -> bool:
    is_settled = instance.state in (InstanceState.LIVE, InstanceState.STOPPING)
    return is_settled and instance.name in running_names


def _undeleted_projects(now: Snapshot) -> set[ProjectId]:
    busy = {d.project_id for d in now.deployments.values() if d.status in IN_PROGRESS}
    return {p.id for p in now.projects.values() if p.deleted_at} - busy
