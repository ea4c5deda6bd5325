"""Contract tests of deployments."""

import pytest
from attrs import evolve

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.deployments.deployments import DeploymentKind
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.ids import DeploymentId, ReleaseId, UserId
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.errors import DuplicateError, NotFoundError, StaleEntityError
from pushpaka_core.ports.storage.deployments import ALL_PREVIEWS, DeploymentFilter
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_release, a_running_deployment
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import NOON, an_id, later
from pushpaka_core.testing.objects.volumes import a_volume
from pushpaka_core.testing.stored_objects import store, store_deployment, store_project

PREVIEW = "preview:next"


class DeploymentsContract:
    """Contract tests of the `Deployments` and `VisibleDeployments` ports."""

    async def test_a_deployment_is_kept_with_every_field(self, storage: Storage) -> None:
        """A deployment with a value in every field is read back unchanged."""
        project = await store_project(storage)
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
            has_web=False,
            image="registry/app:1",
            release_id=ReleaseId(an_id()),
            run_settings=RunSettings(
                replicas=2,
                health_check=HealthCheck.TCP,
                rollback_window=0,
                cpu_limit=0.5,
                volumes=(a_volume(project).mount,),
            ),
            error="It broke.",
            started_at=later(1),
            finished_at=later(2.5),
            cancel_requested_at=later(3),
            superseded_because="A rollback was requested",
            drain_until=later(4),
            watch_until=later(5),
            replaces=DeploymentId(an_id()),
            worker="worker-1",
            fence=3,
            heartbeat=7,
            attempts=2,
            last_seq=9,
            idempotency_key="key",
            request_digest="digest",
        )

        await store(storage, deployment)

        async with storage.snapshot() as uow:
            assert deployment == await uow.deployments.visible_to(PLATFORM).get(deployment.id)

    async def test_versions_cover_only_unfinished_deployments(self, storage: Storage) -> None:
        """Only deployments that are visible to the actor and not final are returned."""
        project, other = await store_project(storage), await store_project(storage)
        kept = [
            a_deployment(project, status=status, target=f"preview:{status}")
            for status in DeploymentStatus
        ]
        elsewhere = a_deployment(other)
        await store(storage, *kept, elsewhere)
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

    async def test_deployments_are_paged_newest_first(self, storage: Storage) -> None:
        """
        Each page has the total count. Deployments with the same creation time are ordered by
        sequence.
        """
        project = await store_project(storage)
        ages = (5, 1, 3, 3)
        d5, d1, d3, d3b = (a_deployment(project, created_at=later(age)) for age in ages)
        await store(storage, d1, d3b, d5, d3)

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
        """Filters for project, status and target can be used alone and together."""
        one, other = await store_project(storage), await store_project(storage)
        queued = a_deployment(one, created_at=later(1))
        running = a_running_deployment(one, created_at=later(2))
        preview = a_deployment(one, target=PREVIEW, created_at=later(3))
        foreign = a_deployment(other, created_at=later(4))
        await store(storage, queued, running, preview, foreign)

        async with storage.snapshot() as uow:

            async def find(deployment_filter: DeploymentFilter) -> list[object]:
                page = await uow.deployments.visible_to(PLATFORM).page(
                    deployment_filter, limit=9, offset=0
                )
                assert page.total == len(page.items)
                return list(page.items)

            waiting = DeploymentStatus.QUEUED
            assert [preview, running, queued] == await find(DeploymentFilter(project_id=one.id))
            assert [foreign, preview, queued] == await find(DeploymentFilter(status=waiting))
            assert [preview] == await find(DeploymentFilter(target=PREVIEW))
            assert [preview] == await find(DeploymentFilter(target=ALL_PREVIEWS))
            assert [queued] == await find(
                DeploymentFilter(project_id=one.id, status=waiting, target=PRODUCTION)
            )

    async def test_deployments_of_other_users_are_hidden(self, storage: Storage) -> None:
        """Deployments of other users and of deleted projects are neither found nor counted."""
        ann, bob = a_user(), a_user()
        mine, foreign = a_project(ann), a_project(bob)
        gone = a_project(ann, deleted_at=later(1))
        visible_one = a_deployment(mine)
        hidden = a_deployment(foreign), a_deployment(gone)
        await store(storage, ann, bob, mine, foreign, gone, visible_one, *hidden)

        async with storage.snapshot() as uow:
            visible = uow.deployments.visible_to(Actor.from_user(ann))
            page = await visible.page(DeploymentFilter(), limit=9, offset=0)
            assert ([visible_one], 1) == (list(page.items), page.total)
            for deployment in hidden:
                with pytest.raises(NotFoundError, match="deployment"):
                    await visible.get(deployment.id)

    async def test_update_returns_the_stored_deployment(self, storage: Storage) -> None:
        """An update increments the version."""
        deployment = await store_deployment(storage)

        async with storage.transaction() as uow:
            kept = await uow.deployments.update(deployment.cancel(now=later(1)))

        assert (DeploymentStatus.CANCELLED, 2) == (kept.status, kept.version)
        async with storage.snapshot() as uow:
            assert kept == await uow.deployments.visible_to(PLATFORM).get(deployment.id)

    async def test_an_older_deployment_does_not_overwrite_a_newer_one(
        self, storage: Storage
    ) -> None:
        """Updating a deployment that was changed or claimed meanwhile raises StaleEntityError."""
        deployment = await store_deployment(storage)
        async with storage.transaction() as uow:
            claimed = await uow.deployments.claim("worker-1", now=later(1))
        assert claimed is not None
        disguised = evolve(deployment, version=claimed.version)

        for older in (deployment, disguised):
            with pytest.raises(StaleEntityError):
                async with storage.transaction() as uow:
                    await uow.deployments.update(older.cancel(now=later(2)))

    async def test_a_removed_deployment_cannot_be_changed(self, storage: Storage) -> None:
        """An update does not restore a removed deployment."""
        project = await store_project(storage)
        deployment = a_deployment(project)
        await store(storage, deployment)
        async with storage.transaction() as uow:
            await uow.projects.remove(project)

        with pytest.raises(StaleEntityError):
            async with storage.transaction() as uow:
                await uow.deployments.update(deployment.cancel(now=later(2)))

    async def test_a_heartbeat_does_not_make_a_deployment_stale(self, storage: Storage) -> None:
        """A heartbeat causes no conflict, and an update keeps the heartbeat count."""
        await store_deployment(storage)
        async with storage.transaction() as uow:
            claimed = await uow.deployments.claim("worker-1", now=later(1))
            assert claimed is not None
            await uow.deployments.renew_lease(claimed.lease)

        async with storage.transaction() as uow:
            kept = await uow.deployments.update(claimed.enter(Phase.BUILD, now=later(2)))

        assert (Phase.BUILD, 1, 1) == (kept.phase, kept.heartbeat, kept.fence)

    async def test_target_has_one_deployment_in_progress(self, storage: Storage) -> None:
        """Adding a second deployment in progress to the same target raises DuplicateError."""
        project = await store_project(storage)
        working = {"status": DeploymentStatus.BUILDING, "fence": 1}
        other_target = a_deployment(project, target=PREVIEW, **working)
        await store(storage, a_deployment(project, **working), other_target)

        with pytest.raises(DuplicateError, match="target"):
            await store(storage, a_deployment(project, status=DeploymentStatus.DEPLOYING))

    async def test_deployments_are_found_by_status(self, storage: Storage) -> None:
        """Deployments of all or some projects, or of one target, are ordered by sequence."""
        one, other = await store_project(storage), await store_project(storage)
        late = a_deployment(one, sequence=9)
        early = a_deployment(other, sequence=2)
        preview = a_deployment(one, sequence=3, target=PREVIEW)
        running = a_running_deployment(one, sequence=1)
        await store(storage, late, early, preview, running)

        async with storage.snapshot() as uow:
            find = uow.deployments.of_projects
            waiting = {DeploymentStatus.QUEUED}
            both = {DeploymentStatus.QUEUED, DeploymentStatus.RUNNING}
            assert [early, preview, late] == list(await uow.deployments.all(waiting))
            assert [running, preview, late] == list(await find([one], both))
            assert [preview] == list(await find([one, other], waiting, target=PREVIEW))
            assert [] == list(await find([], waiting))
            assert [] == list(await uow.deployments.all(set()))

    async def test_deployments_of_a_kept_release_are_found(self, storage: Storage) -> None:
        """Rollbacks are included, but deployments of releases without an artifact are not."""
        project, other = await store_project(storage), await store_project(storage)
        built, old, elsewhere = [a_running_deployment(p) for p in (project, project, other)]
        release, gone = a_release(built), a_release(old, removed_at=NOON)
        foreign = a_release(elsewhere)
        first = evolve(built, release_id=release.id)
        again = a_running_deployment(project, release_id=release.id)
        others = evolve(old, release_id=gone.id), evolve(elsewhere, release_id=foreign.id)
        waiting = a_deployment(project, release_id=release.id)
        await store(storage, first, *others, again, waiting, release, gone, foreign)

        async with storage.snapshot() as uow:
            find = uow.deployments.list_with_artifact
            assert [first, again] == list(await find([project], [DeploymentStatus.RUNNING]))

    async def test_draining_deployments_are_found(self, storage: Storage) -> None:
        """Stopped deployments, and running ones that do not drain, are not returned."""
        project = await store_project(storage)
        leaving = a_running_deployment(project, drain_until=later(30))
        over = a_deployment(project, status=DeploymentStatus.STOPPED, drain_until=later(30))
        await store(storage, leaving, over, a_running_deployment(project))

        async with storage.snapshot() as uow:
            assert [leaving] == list(await uow.deployments.list_draining())

    async def test_the_latest_deployment_of_each_project_is_found(self, storage: Storage) -> None:
        """
        For each project, the deployment of the target with the highest sequence is returned.

        Projects without a deployment are omitted.
        """
        one, other, empty = [await store_project(storage) for _ in range(3)]
        newest = a_deployment(one, sequence=8)
        only = a_deployment(other)
        ignored = a_deployment(one, sequence=7), a_deployment(one, sequence=9, target=PREVIEW)
        await store(storage, newest, only, *ignored)

        async with storage.snapshot() as uow:
            latest = await uow.deployments.list_latest([one, other, empty], PRODUCTION)
            none = await uow.deployments.list_latest([], PRODUCTION)

        assert {one.id: newest, other.id: only} == {d.project_id: d for d in latest}
        assert (2, []) == (len(latest), list(none))

    async def test_a_repeated_request_finds_its_deployment(self, storage: Storage) -> None:
        """An idempotency key is valid for one user, until it expires."""
        project = await store_project(storage)
        old = a_deployment(project, idempotency_key="key", created_at=later(0))
        young = a_deployment(project, idempotency_key="key", created_at=later(10))
        await store(storage, old, young)

        async with storage.snapshot() as uow:
            find = uow.deployments.find_by_idempotency_key
            assert young == await find(project.user_id, "key", earliest=later(10))
            assert young == await find(project.user_id, "key", earliest=later(0))
            assert await find(project.user_id, "key", earliest=later(11)) is None
            assert await find(project.user_id, "other", earliest=later(0)) is None
            assert await find(UserId(an_id()), "key", earliest=later(0)) is None

    async def test_deployments_are_counted_by_status(self, storage: Storage) -> None:
        """A status without deployments has the count 0."""
        project = await store_project(storage)
        await store(storage, a_deployment(project), a_deployment(project))
        await store(storage, a_running_deployment(project))

        async with storage.snapshot() as uow:
            counts = await uow.deployments.count_by_status()

        assert set(DeploymentStatus) == set(counts)
        assert (2, 1, 0) == tuple(
            counts[DeploymentStatus(s)] for s in ("queued", "running", "failed")
        )
