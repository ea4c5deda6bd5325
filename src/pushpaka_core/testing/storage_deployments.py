"""What every storage must do with deployments, as tests."""

import pytest
from attrs import evolve

from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import (
    PRODUCTION,
    DeploymentId,
    DeploymentKind,
    ReleaseId,
)
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import DuplicateError, NotFoundError, StaleEntityError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.storage_deployments import PREVIEWS, DeploymentFilter
from pushpaka_core.testing.keeping import keep, keep_deployment, keep_project
from pushpaka_core.testing.objects import (
    NOON,
    a_deployment,
    a_project,
    a_release,
    a_running_deployment,
    a_user,
    an_id,
    later,
)

PREVIEW = "preview:next"


class DeploymentsContract:
    """The promises of the ports `Deployments` and `VisibleDeployments`."""

    async def test_a_deployment_is_kept_with_every_field(self, storage: Storage) -> None:
        """Whatever is known of it comes back."""
        project = await keep_project(storage)
        deployment = a_deployment(
            project,
            target=PREVIEW,
            kind=DeploymentKind.ROLLBACK,
            source_deployment_id=DeploymentId(an_id()),
            commit_sha="a" * 40,
            commit_message="Größer\nund schöner",
            commit_author="Ann",
            status=DeploymentStatus.DEPLOYING,
            phase=Phase.SWITCH,
            framework="fastapi",
            image="registry/app:1",
            release_id=ReleaseId(an_id()),
            run_settings=RunSettings(replicas=2, health_check_path="/up", cpu_limit=0.5),
            error="It broke.",
            started_at=later(1),
            finished_at=later(2.5),
            cancel_requested_at=later(3),
            superseded_because="A rollback was asked for",
            drain_until=later(4),
            worker="worker-1",
            fence=3,
            heartbeat=7,
            attempts=2,
            last_seq=9,
            idempotency_key="key",
            request_digest="digest",
        )

        await keep(storage, deployment)

        async with storage.snapshot() as uow:
            assert deployment == await uow.deployments.visible_to(PLATFORM).get(deployment.id)

    async def test_versions_are_of_what_is_not_over(self, storage: Storage) -> None:
        """Each change is another version, to those who see the project and to nobody else."""
        project, other = await keep_project(storage), await keep_project(storage)
        kept = [
            a_deployment(project, status=status, target=f"preview:{status}")
            for status in DeploymentStatus
        ]
        elsewhere = a_deployment(other)
        await keep(storage, *kept, elsewhere)
        async with storage.transaction() as uow:
            changed = await uow.deployments.update(kept[0])
        owner = Actor(user_id=project.user_id)
        under_way = {each.id: 1 for each in kept if not each.is_final} | {changed.id: 2}

        async with storage.snapshot() as uow:
            visible = uow.deployments.visible_to(owner)
            assert 5 == len(under_way)
            assert under_way == await visible.versions(None)
            assert under_way == await visible.versions(project.id)
            assert {} == await visible.versions(other.id)
            assert {elsewhere.id: 1} == await uow.deployments.visible_to(PLATFORM).versions(
                other.id
            )

    async def test_a_deployment_needs_its_project(self, storage: Storage) -> None:
        """A deployment of a project that was removed meanwhile is refused."""
        with pytest.raises(NotFoundError):
            await keep(storage, a_deployment(a_project(a_user())))

    async def test_deployments_come_in_pages_the_newest_first(self, storage: Storage) -> None:
        """Each page tells how many there are in all; of one moment the later sequence is newer."""
        project = await keep_project(storage)
        ages = (5, 1, 3, 3)
        d5, d1, d3, d3b = (a_deployment(project, created_at=later(age)) for age in ages)
        await keep(storage, d1, d3b, d5, d3)

        async with storage.snapshot() as uow:
            visible = uow.deployments.visible_to(PLATFORM)
            first = await visible.page(DeploymentFilter(), limit=2, offset=0)
            second = await visible.page(DeploymentFilter(), limit=2, offset=2)
            beyond = await visible.page(DeploymentFilter(), limit=2, offset=4)

        assert ([d5, d3b], [d3, d1], []) == (
            list(first.items),
            list(second.items),
            list(beyond.items),
        )
        assert [4, 4, 4] == [page.total for page in (first, second, beyond)]

    async def test_deployments_can_be_filtered(self, storage: Storage) -> None:
        """By project, status and target, and each of them at once."""
        one, other = await keep_project(storage), await keep_project(storage)
        queued = a_deployment(one, created_at=later(1))
        running = a_running_deployment(one, created_at=later(2))
        preview = a_deployment(one, target=PREVIEW, created_at=later(3))
        foreign = a_deployment(other, created_at=later(4))
        await keep(storage, queued, running, preview, foreign)

        async with storage.snapshot() as uow:

            async def found(wanted: DeploymentFilter) -> list[object]:
                page = await uow.deployments.visible_to(PLATFORM).page(wanted, limit=9, offset=0)
                assert page.total == len(page.items)
                return list(page.items)

            waiting = DeploymentStatus.QUEUED
            assert [preview, running, queued] == await found(DeploymentFilter(project_id=one.id))
            assert [foreign, preview, queued] == await found(DeploymentFilter(status=waiting))
            assert [preview] == await found(DeploymentFilter(target=PREVIEW))
            assert [preview] == await found(DeploymentFilter(target=PREVIEWS))
            assert [queued] == await found(
                DeploymentFilter(project_id=one.id, status=waiting, target=PRODUCTION)
            )

    async def test_what_belongs_to_others_does_not_exist(self, storage: Storage) -> None:
        """Deployments of foreign and of deleted projects are neither found nor counted."""
        ann, bob = a_user(), a_user()
        mine, foreign = a_project(ann), a_project(bob)
        gone = a_project(ann, deleted_at=later(1))
        visible_one = a_deployment(mine)
        hidden = a_deployment(foreign), a_deployment(gone)
        await keep(storage, ann, bob, mine, foreign, gone, visible_one, *hidden)

        async with storage.snapshot() as uow:
            visible = uow.deployments.visible_to(Actor.of(ann))
            page = await visible.page(DeploymentFilter(), limit=9, offset=0)
            assert ([visible_one], 1) == (list(page.items), page.total)
            for deployment in hidden:
                with pytest.raises(NotFoundError, match="deployment"):
                    await visible.get(deployment.id)

    async def test_a_changed_deployment_is_returned_as_kept(self, storage: Storage) -> None:
        """An update counts the version up."""
        deployment = await keep_deployment(storage)

        async with storage.transaction() as uow:
            kept = await uow.deployments.update(deployment.cancel(at=later(1)))

        assert (DeploymentStatus.CANCELLED, 2) == (kept.status, kept.version)
        async with storage.snapshot() as uow:
            assert kept == await uow.deployments.visible_to(PLATFORM).get(deployment.id)

    async def test_an_older_deployment_does_not_overwrite_a_newer_one(
        self, storage: Storage
    ) -> None:
        """Who read before somebody else wrote, or claimed, gets StaleEntityError."""
        deployment = await keep_deployment(storage)
        async with storage.transaction() as uow:
            claimed = await uow.deployments.claim("worker-1", at=later(1))
        assert claimed is not None
        disguised = evolve(deployment, version=claimed.version)

        for older in (deployment, disguised):
            with pytest.raises(StaleEntityError):
                async with storage.transaction() as uow:
                    await uow.deployments.update(older.cancel(at=later(2)))

    async def test_a_removed_deployment_cannot_be_changed(self, storage: Storage) -> None:
        """An update does not bring back what was removed."""
        project = await keep_project(storage)
        deployment = a_deployment(project)
        await keep(storage, deployment)
        async with storage.transaction() as uow:
            await uow.projects.remove(project)

        with pytest.raises(StaleEntityError):
            async with storage.transaction() as uow:
                await uow.deployments.update(deployment.cancel(at=later(2)))

    async def test_a_heartbeat_does_not_make_a_deployment_stale(self, storage: Storage) -> None:
        """What is counted beside an update is kept as it was counted."""
        await keep_deployment(storage)
        async with storage.transaction() as uow:
            claimed = await uow.deployments.claim("worker-1", at=later(1))
            assert claimed is not None
            await uow.deployments.beat(claimed.lease)

        async with storage.transaction() as uow:
            kept = await uow.deployments.update(claimed.enter(Phase.BUILD, at=later(2)))

        assert (Phase.BUILD, 1, 1) == (kept.phase, kept.heartbeat, kept.fence)

    async def test_one_deployment_of_a_target_is_in_work(self, storage: Storage) -> None:
        """The storage itself refuses a second one, whoever writes it."""
        project = await keep_project(storage)
        working = {"status": DeploymentStatus.BUILDING, "fence": 1}
        other_target = a_deployment(project, target=PREVIEW, **working)
        await keep(storage, a_deployment(project, **working), other_target)

        with pytest.raises(DuplicateError, match="target"):
            await keep(storage, a_deployment(project, status=DeploymentStatus.DEPLOYING))

    async def test_deployments_are_found_by_status(self, storage: Storage) -> None:
        """The oldest sequence comes first, for some projects and one target or for all."""
        one, other = await keep_project(storage), await keep_project(storage)
        late = a_deployment(one, sequence=9)
        early = a_deployment(other, sequence=2)
        preview = a_deployment(one, sequence=3, target=PREVIEW)
        running = a_running_deployment(one, sequence=1)
        await keep(storage, late, early, preview, running)

        async with storage.snapshot() as uow:
            find = uow.deployments.of_projects
            waiting = {DeploymentStatus.QUEUED}
            both = {DeploymentStatus.QUEUED, DeploymentStatus.RUNNING}
            assert [early, preview, late] == list(await uow.deployments.all(waiting))
            assert [running, preview, late] == list(await find([one], both))
            assert [preview] == list(await find([one, other], waiting, target=PREVIEW))
            assert [] == list(await find([], waiting))
            assert [] == list(await uow.deployments.all(set()))

    async def test_what_runs_a_kept_release_is_found(self, storage: Storage) -> None:
        """A rollback runs the release of another; what has lost its artifact is not found."""
        project, other = await keep_project(storage), await keep_project(storage)
        built, old, elsewhere = [a_running_deployment(p) for p in (project, project, other)]
        release, gone = a_release(built), a_release(old, removed_at=NOON)
        foreign = a_release(elsewhere)
        first = evolve(built, release_id=release.id)
        again = a_running_deployment(project, release_id=release.id)
        others = evolve(old, release_id=gone.id), evolve(elsewhere, release_id=foreign.id)
        waiting = a_deployment(project, release_id=release.id)
        await keep(storage, first, *others, again, waiting, release, gone, foreign)

        async with storage.snapshot() as uow:
            find = uow.deployments.of_kept_releases
            assert [first, again] == list(await find([project], [DeploymentStatus.RUNNING]))

    async def test_what_drains_is_found(self, storage: Storage) -> None:
        """What serves on is not, nor what has ended."""
        project = await keep_project(storage)
        leaving = a_running_deployment(project, drain_until=later(30))
        over = a_deployment(project, status=DeploymentStatus.STOPPED, drain_until=later(30))
        await keep(storage, leaving, over, a_running_deployment(project))

        async with storage.snapshot() as uow:
            assert [leaving] == list(await uow.deployments.draining())

    async def test_the_latest_of_each_project_is_found(self, storage: Storage) -> None:
        """It is the one with the greatest sequence in its target; a project without has none."""
        one, other, empty = [await keep_project(storage) for _ in range(3)]
        newest = a_deployment(one, sequence=8)
        only = a_deployment(other)
        ignored = a_deployment(one, sequence=7), a_deployment(one, sequence=9, target=PREVIEW)
        await keep(storage, newest, only, *ignored)

        async with storage.snapshot() as uow:
            latest = await uow.deployments.latest([one, other, empty], PRODUCTION)
            none = await uow.deployments.latest([], PRODUCTION)

        assert {one.id: newest, other.id: only} == {d.project_id: d for d in latest}
        assert (2, []) == (len(latest), list(none))

    async def test_a_repeated_request_finds_its_deployment(self, storage: Storage) -> None:
        """An idempotency key belongs to one user, and is forgotten after a while."""
        project = await keep_project(storage)
        old = a_deployment(project, idempotency_key="key", created_at=later(0))
        young = a_deployment(project, idempotency_key="key", created_at=later(10))
        await keep(storage, old, young)

        async with storage.snapshot() as uow:
            find = uow.deployments.find_idempotent
            assert young == await find(project.user_id, "key", since=later(10))
            assert young == await find(project.user_id, "key", since=later(0))
            assert await find(project.user_id, "key", since=later(11)) is None
            assert await find(project.user_id, "other", since=later(0)) is None
            assert await find(UserId(an_id()), "key", since=later(0)) is None

    async def test_deployments_are_counted_by_status(self, storage: Storage) -> None:
        """A status that no deployment has counts 0."""
        project = await keep_project(storage)
        await keep(storage, a_deployment(project), a_deployment(project))
        await keep(storage, a_running_deployment(project))

        async with storage.snapshot() as uow:
            counts = await uow.deployments.count_by_status()

        assert set(DeploymentStatus) == set(counts)
        assert (2, 1, 0) == tuple(
            counts[DeploymentStatus(s)] for s in ("queued", "running", "failed")
        )
