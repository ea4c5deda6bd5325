"""Tests concurrent writes of two processes."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any, cast

import pytest
from anyio import create_task_group, fail_after
from attrs import evolve, frozen
from tests.platform_fixtures import OPTIONS, PORTS, Platform, open_platform
from tests.webhook_deliveries import push

from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.adapters.sql.storage import SqlStorage
from pushpaka_core.bootstrap import memory_adapters
from pushpaka_core.container.application import Application, assemble
from pushpaka_core.container.volumes import volume_purger
from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.accounts.users import Registration, RegistrationPolicy
from pushpaka_core.domain.deployments.deployments import Deployment, Lease, NewDeployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.integrations.webhooks import GitProvider, NewWebhook
from pushpaka_core.domain.logs.logs import LogFilter
from pushpaka_core.domain.projects.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.routing.custom_domains import CustomDomain
from pushpaka_core.domain.volumes.volumes import RETENTION, Volume, VolumeAttachment
from pushpaka_core.errors import (
    ConflictError,
    DuplicateError,
    LeaseLostError,
    NotAllowedError,
    NotFoundError,
)
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.services.deployments.webhook_deliveries import DeliveryResult
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_log_entry
from pushpaka_core.testing.objects.projects import a_custom_domain, a_project
from pushpaka_core.testing.objects.values import NOON, an_id, later
from pushpaka_core.testing.objects.volumes import a_volume
from pushpaka_core.testing.stored_objects import store, store_deployment, store_project

pytestmark = pytest.mark.anyio

S = DeploymentStatus
Work = Callable[[], Awaitable[Any]]


@pytest.fixture
async def platform(storage: SqlStorage) -> AsyncIterator[Platform]:
    async with open_platform(cast("MemoryStorage", storage)) as platform:
        yield platform


async def run_concurrently(*works: Work) -> list[Any]:
    """Run all functions concurrently, and return the result or the error type of each."""
    results: list[Any] = [None] * len(works)

    async def do(index: int, work: Work) -> None:
        try:
            results[index] = await work()
        except (ConflictError, LeaseLostError, NotAllowedError) as error:
            results[index] = type(error)

    async with create_task_group() as tasks:
        for place, work in enumerate(works):
            tasks.start_soon(do, place, work)
    return results


@frozen
class Claimer:
    """A worker that claims deployments."""

    storage: Storage
    name: str

    async def claim(self) -> Deployment | None:
        async with self.storage.transaction() as uow:
            return await uow.deployments.claim(self.name, now=later(1))

    async def claim_until_empty(self) -> list[DeploymentId]:
        """Claim and end deployments until none is queued, and return their ids."""
        done: list[DeploymentId] = []
        while True:
            async with self.storage.transaction() as uow:
                claimed = await uow.deployments.claim(self.name, now=later(1))
                if claimed is None:
                    return done
                await uow.deployments.update(claimed.fail("It broke.", now=later(2)))
            done.append(claimed.id)


async def test_every_race_for_a_job_has_one_winner(storages: list[SqlStorage]) -> None:
    """F18: each deployment is claimed exactly once, although eight workers compete for it."""
    owner = a_user()
    projects = [a_project(owner) for _ in range(5)]
    jobs = [a_deployment(p, target=f"preview:{n}") for n in range(20) for p in projects]
    await store(storages[0], owner, *projects, *jobs)
    claimers = [Claimer(storages[n % 2], f"worker-{n}") for n in range(8)]

    claimed = await run_concurrently(*(claimer.claim_until_empty for claimer in claimers))

    assert Counter(job.id for job in jobs) == Counter(chain.from_iterable(claimed))


async def test_users_take_turns_with_concurrent_claims(storages: list[SqlStorage]) -> None:
    """A user with many old deployments gets as many workers as a user with four new ones."""
    ann, bob = a_user(), a_user()
    of_ann, of_bob = [a_project(ann) for _ in range(20)], [a_project(bob) for _ in range(4)]
    await store(storages[0], ann, bob, *of_ann, *of_bob)
    await store(storages[0], *(a_deployment(p, created_at=later(-9)) for p in of_ann))
    await store(storages[0], *(a_deployment(p, created_at=later(-1)) for p in of_bob))
    claimers = [Claimer(storages[n % 2], f"worker-{n}") for n in range(8)]

    claimed = await run_concurrently(*(claimer.claim for claimer in claimers))

    assert {ann.id: 4, bob.id: 4} == Counter(deployment.user_id for deployment in claimed)


@pytest.mark.needs("postgres")
async def test_claims_skip_locked_deployments(postgres_storages: list[SqlStorage]) -> None:
    """The claim takes the next deployment instead of waiting for a lock."""
    storage, other = postgres_storages
    first, second = await store_deployment(storage), await store_deployment(storage)

    async with storage.transaction() as uow:
        await uow.deployments.visible_to(PLATFORM).get(first.id)
        meanwhile = [await Claimer(other, "worker-1").claim() for _ in range(2)]
    afterwards = await Claimer(other, "worker-1").claim()

    claimed = [*meanwhile, afterwards]
    assert [second.id, None, first.id] == [found and found.id for found in claimed]


@pytest.mark.needs("postgres")
async def test_claim_locks_only_the_claimed_rows(
    postgres_storages: list[SqlStorage],
) -> None:
    storage, other = postgres_storages
    jobs = [await store_deployment(storage) for _ in range(3)]
    with fail_after(60):
        async with storage.transaction() as claiming:
            claimed = await claiming.deployments.claim("worker-1", now=later(1))
            assert claimed is not None
            for job in jobs:
                if job.id != claimed.id:
                    await _cancel(other, job.id)

    assert None is await Claimer(storage, "worker-2").claim()


async def test_concurrent_deployment_requests_are_ordered(platform: Platform) -> None:
    """Each deployment has its own sequence number, and only the last one stays queued."""
    project = await platform.project()
    new = NewDeployment(project_id=project.id)
    deploy = platform.application.deployments.deploy

    asked = await run_concurrently(*[partial(deploy, platform.owner, new)] * 12)

    rows = sorted([await platform.stored_deployment(d.id) for d in asked], key=lambda d: d.sequence)
    assert list(range(1, 13)) == [row.sequence for row in rows]
    assert [S.SUPERSEDED] * 11 + [S.QUEUED] == [row.status for row in rows]


async def test_idempotency_key_creates_one_deployment(platform: Platform) -> None:
    """Using the same key for another project is a conflict."""
    shop, blog = await platform.project("shop"), await platform.project("blog")
    deploy = platform.application.deployments.deploy

    async def ask(project: Project) -> Deployment:
        new = NewDeployment(project_id=project.id)
        return await deploy(platform.owner, new, idempotency_key="once")

    asked = await run_concurrently(*(partial(ask, p) for p in (shop, shop, shop, blog, blog)))

    made = [result for result in asked if isinstance(result, Deployment)]
    assert 1 == len({deployment.id for deployment in made})
    assert {ConflictError} == {result for result in asked if result not in made}


async def test_a_claim_and_a_newer_request_both_succeed(platform: Platform) -> None:
    """The older deployment is either superseded or claimed."""
    project = await platform.project()
    new = NewDeployment(project_id=project.id)
    services, pipeline = platform.application.deployments, platform.worker_services.pipeline
    await services.deploy(platform.owner, new)

    for _ in range(5):
        lease, newer = await run_concurrently(
            partial(pipeline.claim, "worker-1"), partial(services.deploy, platform.owner, new)
        )

        assert isinstance(newer, Deployment)
        if lease is not None:
            await pipeline.requeue_after_failure(lease, "It is needed again.")


async def test_a_cancellation_and_a_step_of_the_worker_both_succeed(
    storages: list[SqlStorage],
) -> None:
    """The cancellation of a running deployment never ends with a conflict."""
    storage, other = storages
    job = await store_deployment(storage)

    for second in range(5):
        held = await Claimer(storage, "worker-1").claim()
        assert held is not None
        results = await run_concurrently(
            partial(_enter, storage, held.lease), partial(_cancel, other, job.id)
        )

        assert [Deployment, Deployment] == [type(result) for result in results]
        async with storage.transaction() as uow:
            present = await uow.deployments.get_held(held.lease)
            assert (Phase.BUILD, True) == (present.phase, present.cancel_requested_at is not None)
            again = evolve(present.return_to_queue(now=later(second)), cancel_requested_at=None)
            await uow.deployments.update(again)


async def _enter(storage: Storage, lease: Lease) -> Deployment:
    async with storage.transaction() as uow:
        held = await uow.deployments.get_held(lease)
        return await uow.deployments.update(held.enter(Phase.BUILD, now=later(3)))


async def _cancel(storage: Storage, id: DeploymentId) -> Deployment:
    async with storage.transaction() as uow:
        present = await uow.deployments.visible_to(PLATFORM).get(id)
        return await uow.deployments.update(present.cancel(now=later(4)))


async def test_lines_of_many_writers_are_numbered_without_gaps(
    storages: list[SqlStorage],
) -> None:
    """A writer with an outdated fence writes nothing and uses up no number."""
    await store_deployment(storages[0])
    held = await Claimer(storages[0], "worker-1").claim()
    assert held is not None

    async def write(index: int) -> None:
        fence = held.fence - (index % 3 == 0)
        for number in range(10):
            async with storages[index % 2].transaction() as uow:
                entries = [a_log_entry(f"{index}-{number}")] * 3
                await uow.logs.append(held.id, entries, fence=fence)

    results = await run_concurrently(*(partial(write, place) for place in range(6)))

    async with storages[0].snapshot() as uow:
        lines = await uow.logs.lines(held, LogFilter(limit=1000))
    assert [LeaseLostError, None, None, LeaseLostError, None, None] == results
    assert list(range(1, 121)) == [line.seq for line in lines]
    assert {"1", "2", "4", "5"} == {line.message.partition("-")[0] for line in lines}


async def test_concurrent_starts_have_different_ports(platform: Platform) -> None:
    """The ports differ even if only a few are free."""
    services, pipeline = platform.application.deployments, platform.worker_services.pipeline
    leases = []
    for number in range(8):
        project = await platform.project(f"app-{number}")
        await services.deploy(platform.owner, NewDeployment(project_id=project.id))
        leases.append(await pipeline.claim("worker-1"))

    results = await run_concurrently(
        *(partial(pipeline.prepare, lease) for lease in leases if lease)
    )

    assert [True] * 8 == results
    async with platform.worker_services.pipeline._storage.snapshot() as uow:
        ports = [instance.port for instance in await uow.instances.all()]
    assert 8 == len(set(ports) & set(PORTS))


async def test_only_one_user_is_the_first_to_register(storages: list[SqlStorage]) -> None:
    """If several people register at the same time, all but one are refused."""
    options = evolve(OPTIONS, registration=RegistrationPolicy.FIRST)
    accounts = [
        assemble(evolve(memory_adapters(), storage=storage), options).accounts
        for storage in storages
    ]
    people = [
        Registration(email=f"{n}@example.com", name="Ann", password="correct horse")
        for n in range(4)
    ]

    results = await run_concurrently(
        *(partial(accounts[n % 2].register, person) for n, person in enumerate(people))
    )

    assert 3 == results.count(NotAllowedError)
    async with storages[0].snapshot() as uow:
        assert 1 == len(await uow.users.all())


async def test_env_vars_set_at_once_are_all_kept(platform: Platform) -> None:
    """No concurrent write of a variable fails, and the version counts all of the writes."""
    project = await platform.project()
    service = platform.application.env_vars

    async def put(number: int) -> None:
        variable = NewEnvVar(
            project_id=project.id, key="KEY", value=str(number), scope=EnvScope.ALL
        )
        await service.set(platform.owner, variable)

    results = await run_concurrently(*(partial(put, number) for number in range(6)))

    assert [None] * 6 == results
    (kept,) = await service.of_project(platform.owner, project.id)
    assert 6 == kept.version


async def test_concurrent_deployments_generate_a_secret_once(
    platform: Platform,
) -> None:
    """All of the deployments use the secret that was stored first."""
    app_json = '{"env": {"SECRET_KEY": {"generator": "secret"}, "SALT": {"generator": "secret"}}}'
    platform.commit(**{"app.json": app_json})
    project = await platform.project()
    for number in range(4):
        await platform.enqueue(project, target=f"preview:{number}")
    leases = [await platform.claim() for _ in range(4)]

    done = await run_concurrently(
        *(partial(platform.worker_services.pipeline.prepare, lease) for lease in leases)
    )

    env_vars = await platform.application.env_vars.of_project(platform.owner, project.id)
    seen = {(one.env["SECRET_KEY"], one.env["SALT"]) for one in platform.builder.requests}
    assert [True] * 4 == done
    assert [("SALT", 1), ("SECRET_KEY", 1)] == [(one.key, one.version) for one in env_vars]
    assert 1 == len(seen)


async def test_no_route_is_missing_during_a_cutover(platform: Platform) -> None:
    """Every published table routes the target to the old or the new instance."""
    project = await platform.project()
    await platform.deploy(project)
    publish = platform.worker_services.reconciler._route_publisher.publish
    before = len(platform.router.history)

    async def serve() -> None:
        for _ in range(2):
            await platform.deploy(project)

    async def publish_often() -> None:
        for _ in range(10):
            await publish()

    await run_concurrently(serve, publish_often)

    name = f"project-{project.slug}"
    for table in platform.router.history[before:]:
        (route,) = [route for route in table.routes if route.name == name]
        assert 1 == len(route.upstreams)


async def test_rolled_back_release_is_not_removed(platform: Platform) -> None:
    """A rollback and the removal of old releases never run at the same time."""
    project = await platform.project()
    rollback = platform.application.deployments.rollback
    for _ in range(2):
        ran = [await platform.deploy(project) for _ in range(3)]
        platform.clock.advance(60)
        await platform.worker_services.reconciler.stop_drained()

        rolled_back, _ = await run_concurrently(
            partial(rollback, platform.owner, ran[0].id),
            platform.worker_services.garbage_collector.releases.remove_old_releases,
        )

        kept = {release.id for release in await platform.releases()}
        assert isinstance(rolled_back, Deployment) == (ran[0].release_id in kept)
        if isinstance(rolled_back, Deployment):
            await platform.work()


async def test_delivery_to_two_processes_deploys_once(
    platform: Platform, storages: list[SqlStorage]
) -> None:
    """A repeated delivery is recognized by its content, even if it has another id."""
    project = await platform.project()
    new = NewWebhook(project_id=project.id, provider=GitProvider.GITHUB)
    issued = await platform.application.webhooks.add(platform.owner, new)
    delivery = push(GitProvider.GITHUB)
    other = assemble(evolve(platform.adapters, storage=storages[1]), OPTIONS)

    async def receive(api: Application) -> DeliveryResult:
        signed = evolve(delivery, id=str(an_id())).headers(issued.secret)
        headers = {name.lower(): value for name, value in signed.items()}
        return await api.deliveries.receive(issued.webhook.id, headers, delivery.body)

    receipts = await run_concurrently(
        *(partial(receive, api) for api in (platform.application, other) * 3)
    )

    assert [0] * 5 + [1] == sorted(len(receipt.deployment_ids) for receipt in receipts)


async def test_concurrent_branches_respect_the_preview_limit(
    platform: Platform, storages: list[SqlStorage]
) -> None:
    """The preview limit also applies to concurrent deliveries."""
    project = await platform.project()
    new = NewWebhook(project_id=project.id, provider=GitProvider.GITHUB, previews=True)
    issued = await platform.application.webhooks.add(platform.owner, new)
    other = assemble(evolve(platform.adapters, storage=storages[1]), OPTIONS)

    async def receive(number: int) -> None:
        delivery = push(GitProvider.GITHUB, f"b{number}", f"{number + 1:040x}")
        headers = {name.lower(): value for name, value in delivery.headers(issued.secret).items()}
        api = (platform.application, other)[number % 2]
        await api.deliveries.receive(issued.webhook.id, headers, delivery.body)

    await run_concurrently(*(partial(receive, number) for number in range(25)))

    async with storages[0].snapshot() as uow:
        waiting = await uow.deployments.all([S.QUEUED])
        counts = await uow.deployments.count_by_status()
    assert (
        OPTIONS.max_previews == len(waiting) == len({deployment.target for deployment in waiting})
    )
    assert 25 - OPTIONS.max_previews == counts[S.SUPERSEDED]


async def test_one_of_several_concurrent_claims_gets_the_domain(storages: list[SqlStorage]) -> None:
    """The verification of the other claims is refused."""
    for number in range(3):
        claims = [
            a_custom_domain(await store_project(storages[0]), domain=f"shop{number}.example.com")
            for _ in range(4)
        ]
        await store(storages[0], *claims)

        proofs = await run_concurrently(
            *(partial(_verify, storages[turn % 2], claim) for turn, claim in enumerate(claims))
        )

        assert Counter({DuplicateError: 3, None: 1}) == Counter(proofs)
        async with storages[0].snapshot() as uow:
            kept = await uow.custom_domains.visible_to(PLATFORM).all()
        assert number + 1 == sum(domain.is_verified for domain in kept)


async def _verify(storage: Storage, claim: CustomDomain) -> None:
    async with storage.transaction() as uow:
        present = await uow.custom_domains.visible_to(PLATFORM).get(claim.id)
        await uow.custom_domains.update(evolve(present, verified_at=later(1)))


async def test_attachment_and_purge_of_a_volume_have_one_winner(
    storages: list[SqlStorage],
) -> None:
    """P11: a volume is either attached and has its files, or is deleted with them."""
    owner = a_user()
    project = a_project(owner)
    volumes = [
        a_volume(project, mount_path=f"files/{number}").detach(now=NOON) for number in range(20)
    ]
    await store(storages[0], owner, project, *volumes)
    adapters = memory_adapters(now=lambda: NOON + RETENTION)
    for volume in volumes:
        await adapters.volume_files.create(volume)
    service = assemble(evolve(adapters, storage=storages[0]), OPTIONS).volumes
    purger = volume_purger(evolve(adapters, storage=storages[1]))

    async def attach(volume: Volume) -> None:
        with suppress(NotFoundError):
            await service.attach(Actor.from_user(owner), volume.id, VolumeAttachment())

    await run_concurrently(purger.purge_due, *(partial(attach, volume) for volume in volumes))

    async with storages[0].snapshot() as uow:
        kept = await uow.volumes.visible_to(PLATFORM).all()
    assert {volume.id for volume in kept} == set(await adapters.volume_files.ids())
    assert all(volume.is_attached for volume in kept)
