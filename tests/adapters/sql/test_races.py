"""Many write at once, from several processes: each thing happens once, and in some order."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import Any, cast

import pytest
from anyio import Event, create_task_group, fail_after
from attrs import evolve, frozen
from tests.deliveries import push
from tests.services.platform import OPTIONS, PORTS, Platform, open_platform

from pushpaka_core.adapters.memory.security import MemorySigner, PlainHasher
from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage
from pushpaka_core.application import assemble
from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.custom_domains import CustomDomain
from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import Deployment, DeploymentId, Lease, NewDeployment
from pushpaka_core.domain.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.logs import LogFilter
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.users import Registration, RegistrationPolicy
from pushpaka_core.domain.webhooks import Forge, NewWebhook
from pushpaka_core.errors import ConflictError, DuplicateError, LeaseLostError, NotAllowedError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.services.accounts import AccountService
from pushpaka_core.services.api_tokens import ApiTokenService
from pushpaka_core.services.journal import Journal
from pushpaka_core.testing.keeping import keep, keep_deployment, keep_project
from pushpaka_core.testing.objects import (
    a_custom_domain,
    a_deployment,
    a_project,
    a_user,
    an_entry,
    an_id,
    later,
)

pytestmark = pytest.mark.anyio

PATIENCE = timedelta(minutes=1)
"""However many race, and however busy the machine is: each comes to its turn."""
S = DeploymentStatus
Work = Callable[[], Awaitable[Any]]


@pytest.fixture
async def storages(any_url: str) -> AsyncIterator[list[SqlStorage]]:
    """One database as two processes have it, of which each has connections of its own."""
    async with (
        open_storage(any_url, migrate=True, patience=PATIENCE) as one,
        open_storage(any_url, migrate=False, patience=PATIENCE) as other,
    ):
        yield [one, other]


@pytest.fixture
def storage(storages: list[SqlStorage]) -> SqlStorage:
    return storages[0]


@pytest.fixture
async def platform(storage: SqlStorage) -> AsyncIterator[Platform]:
    async with open_platform(cast("MemoryStorage", storage)) as platform:
        yield platform


async def at_once(*works: Work) -> list[Any]:
    """Do everything at the same time, and return what came of each, be it a refusal."""
    results: list[Any] = [None] * len(works)

    async def do(place: int, work: Work) -> None:
        try:
            results[place] = await work()
        except (ConflictError, LeaseLostError, NotAllowedError) as error:
            results[place] = type(error)

    async with create_task_group() as tasks:
        for place, work in enumerate(works):
            tasks.start_soon(do, place, work)
    return results


@frozen
class Claimer:
    """A worker that takes whatever it gets."""

    storage: Storage
    name: str

    async def claim(self) -> Deployment | None:
        async with self.storage.transaction() as uow:
            return await uow.deployments.claim(self.name, at=later(1))

    async def claim_all(self) -> list[DeploymentId]:
        """Take one after the other until there is none, and be done with each at once."""
        done: list[DeploymentId] = []
        while True:
            async with self.storage.transaction() as uow:
                claimed = await uow.deployments.claim(self.name, at=later(1))
                if claimed is None:
                    return done
                await uow.deployments.update(claimed.fail("It broke.", at=later(2)))
            done.append(claimed.id)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("number", "rounds"), [(2, 250), (8, 1000)])
async def test_every_race_for_a_job_has_one_winner(
    storages: list[SqlStorage], number: int, rounds: int
) -> None:
    """F18: over 1,000 rounds nothing is given away twice, and nothing is left behind."""
    owner = a_user()
    projects = [a_project(owner) for _ in range(5)]
    jobs = [a_deployment(p, target=f"preview:{n}") for n in range(rounds // 5) for p in projects]
    await keep(storages[0], owner, *projects, *jobs)
    claimers = [Claimer(storages[n % 2], f"worker-{n}") for n in range(number)]

    claimed = await at_once(*(claimer.claim_all for claimer in claimers))

    assert Counter(job.id for job in jobs) == Counter(chain.from_iterable(claimed))


async def test_one_job_goes_to_one_of_many(storages: list[SqlStorage]) -> None:
    """F18: whoever comes too late is told that there is nothing, in every round."""
    job = await keep_deployment(storages[0])
    claimers = [Claimer(storages[n % 2], f"worker-{n}") for n in range(8)]

    for fence in range(1, 26):
        results = await at_once(*(claimer.claim for claimer in claimers))

        (winner,) = [result for result in results if result is not None]
        assert (job.id, fence) == (winner.id, winner.fence)
        async with storages[0].transaction() as uow:
            await uow.deployments.update(winner.hand_back(at=later(2)))


async def test_users_take_turns_however_many_claim_at_once(storages: list[SqlStorage]) -> None:
    """Who queued twenty long ago gets no more workers than who queued four just now."""
    ann, bob = a_user(), a_user()
    of_ann, of_bob = [a_project(ann) for _ in range(20)], [a_project(bob) for _ in range(4)]
    await keep(storages[0], ann, bob, *of_ann, *of_bob)
    await keep(storages[0], *(a_deployment(p, created_at=later(-9)) for p in of_ann))
    await keep(storages[0], *(a_deployment(p, created_at=later(-1)) for p in of_bob))
    claimers = [Claimer(storages[n % 2], f"worker-{n}") for n in range(8)]

    claimed = await at_once(*(claimer.claim for claimer in claimers))

    assert {ann.id: 4, bob.id: 4} == Counter(deployment.user_id for deployment in claimed)


@pytest.mark.needs("postgres")
async def test_claims_pass_over_what_is_just_being_changed(postgres_url: str) -> None:
    """Nobody waits for the one who holds a job, but takes the next."""
    async with open_storage(postgres_url, migrate=False) as storage:
        first = await keep_deployment(storage)
        second = await keep_deployment(storage)
        is_held, is_over = Event(), Event()

        async def hold() -> None:
            async with storage.transaction() as uow:
                await uow.deployments.visible_to(PLATFORM).get(first.id)
                is_held.set()
                await is_over.wait()

        async with create_task_group() as tasks:
            tasks.start_soon(hold)
            await is_held.wait()
            meanwhile = [await Claimer(storage, "worker-1").claim() for _ in range(2)]
            is_over.set()
        afterwards = await Claimer(storage, "worker-1").claim()

    claimed = [*meanwhile, afterwards]
    assert [second.id, None, first.id] == [found and found.id for found in claimed]


@pytest.mark.needs("postgres")
async def test_a_claim_holds_nothing_but_what_it_gives_away(postgres_url: str) -> None:
    """Whoever changes what others wait for does not wait until the claim is over."""
    async with (
        open_storage(postgres_url, migrate=False) as storage,
        open_storage(postgres_url, migrate=False) as other,
    ):
        jobs = [await keep_deployment(storage) for _ in range(3)]
        with fail_after(10):
            async with storage.transaction() as claiming:
                claimed = await claiming.deployments.claim("worker-1", at=later(1))
                assert claimed is not None
                for job in jobs:
                    if job.id != claimed.id:
                        await _cancel(other, job.id)

        assert None is await Claimer(storage, "worker-2").claim()


async def test_deployments_asked_for_at_once_are_ordered(platform: Platform) -> None:
    """Each has a place of its own, and only the last of them still waits."""
    project = await platform.project()
    new = NewDeployment(project_id=project.id)
    deploy = platform.application.deployments.deploy

    asked = await at_once(*[partial(deploy, platform.owner, new)] * 12)

    rows = sorted([await platform.row(d.id) for d in asked], key=lambda d: d.sequence)
    assert list(range(1, 13)) == [row.sequence for row in rows]
    assert [S.SUPERSEDED] * 11 + [S.QUEUED] == [row.status for row in rows]


async def test_one_key_makes_one_deployment(platform: Platform) -> None:
    """However often a client repeats its request at once, and whatever for."""
    shop, blog = await platform.project("shop"), await platform.project("blog")
    deploy = platform.application.deployments.deploy

    async def ask(project: Project) -> Deployment:
        new = NewDeployment(project_id=project.id)
        return await deploy(platform.owner, new, idempotency_key="once")

    asked = await at_once(*(partial(ask, p) for p in (shop, shop, shop, blog, blog)))

    made = [result for result in asked if isinstance(result, Deployment)]
    assert 1 == len({deployment.id for deployment in made})
    assert {ConflictError} == {result for result in asked if result not in made}


async def test_a_claim_and_a_newer_request_do_not_fail_each_other(platform: Platform) -> None:
    """Either the older one is superseded or it is in work, and nobody is sent away."""
    project = await platform.project()
    new = NewDeployment(project_id=project.id)
    services, pipeline = platform.application.deployments, platform.engine.pipeline
    await services.deploy(platform.owner, new)

    for _ in range(10):
        lease, newer = await at_once(
            partial(pipeline.claim, "worker-1"), partial(services.deploy, platform.owner, new)
        )

        assert isinstance(newer, Deployment)
        if lease is not None:
            await pipeline.take_back(lease, "It is needed again.")


async def test_a_cancel_and_a_step_of_the_worker_both_happen(storages: list[SqlStorage]) -> None:
    """Who cancels what is in work is never told that somebody else changed it."""
    storage, other = storages
    job = await keep_deployment(storage)

    for second in range(10):
        held = await Claimer(storage, "worker-1").claim()
        assert held is not None
        results = await at_once(
            partial(_enter, storage, held.lease), partial(_cancel, other, job.id)
        )

        assert [Deployment, Deployment] == [type(result) for result in results]
        async with storage.transaction() as uow:
            present = await uow.deployments.held(held.lease)
            assert (Phase.BUILD, True) == (present.phase, present.cancel_requested_at is not None)
            again = evolve(present.hand_back(at=later(second)), cancel_requested_at=None)
            await uow.deployments.update(again)


async def _enter(storage: Storage, lease: Lease) -> Deployment:
    async with storage.transaction() as uow:
        held = await uow.deployments.held(lease)
        return await uow.deployments.update(held.enter(Phase.BUILD, at=later(3)))


async def _cancel(storage: Storage, id: DeploymentId) -> Deployment:
    async with storage.transaction() as uow:
        present = await uow.deployments.visible_to(PLATFORM).get(id)
        return await uow.deployments.update(present.cancel(at=later(4)))


async def test_lines_of_many_writers_are_numbered_without_a_gap(
    storages: list[SqlStorage],
) -> None:
    """P2, P8: whoever has a lost fence writes nothing, and takes no number."""
    await keep_deployment(storages[0])
    held = await Claimer(storages[0], "worker-1").claim()
    assert held is not None

    async def write(place: int) -> None:
        fence = held.fence - (place % 3 == 0)
        for number in range(10):
            async with storages[place % 2].transaction() as uow:
                entries = [an_entry(f"{place}-{number}")] * 3
                await uow.logs.append(held.id, entries, fence=fence)

    results = await at_once(*(partial(write, place) for place in range(6)))

    async with storages[0].snapshot() as uow:
        lines = await uow.logs.lines(held, LogFilter(limit=1000))
    assert [LeaseLostError, None, None, LeaseLostError, None, None] == results
    assert list(range(1, 121)) == [line.seq for line in lines]
    assert {"1", "2", "4", "5"} == {line.message.partition("-")[0] for line in lines}


async def test_instances_that_start_at_once_have_ports_of_their_own(platform: Platform) -> None:
    """Nobody is told that a port is taken, however few are left."""
    services, pipeline = platform.application.deployments, platform.engine.pipeline
    leases = []
    for number in range(8):
        project = await platform.project(f"app-{number}")
        await services.deploy(platform.owner, NewDeployment(project_id=project.id))
        leases.append(await pipeline.claim("worker-1"))

    results = await at_once(*(partial(pipeline.prepare, lease) for lease in leases if lease))

    assert [True] * 8 == results
    async with platform.engine.pipeline._storage.snapshot() as uow:
        ports = [instance.port for instance in await uow.instances.all()]
    assert 8 == len(set(ports) & set(PORTS))


def _accounts(storage: SqlStorage) -> AccountService:
    journal = Journal(lambda: later(0), an_id)
    return AccountService(
        storage=storage,
        hasher=PlainHasher(),
        signer=MemorySigner(),
        api_tokens=ApiTokenService(
            storage=storage, journal=journal, now=lambda: later(0), new_id=an_id
        ),
        journal=journal,
        now=lambda: later(0),
        new_id=an_id,
        registration=RegistrationPolicy.FIRST,
        token_lifetime=timedelta(hours=1),
    )


async def test_only_one_is_the_first_to_register(storages: list[SqlStorage]) -> None:
    """Where registration closes after the first account there is one, not two."""
    accounts = [_accounts(storage) for storage in storages]
    people = [
        Registration(email=f"{n}@example.com", name="Ann", password="correct horse")
        for n in range(4)
    ]

    results = await at_once(
        *(partial(accounts[n % 2].register, person) for n, person in enumerate(people))
    )

    assert 3 == results.count(NotAllowedError)
    async with storages[0].snapshot() as uow:
        assert 1 == len(await uow.users.all())


async def test_env_vars_set_at_once_are_all_kept(platform: Platform) -> None:
    """A new key is there once, with one of the values, and none is sent away."""
    project = await platform.project()
    service = platform.application.env_vars

    async def put(number: int) -> None:
        variable = NewEnvVar(
            project_id=project.id, key="KEY", value=str(number), scope=EnvScope.ALL
        )
        await service.set(platform.owner, variable)

    results = await at_once(*(partial(put, number) for number in range(6)))

    assert [None] * 6 == results
    (kept,) = await service.of_project(platform.owner, project.id)
    assert 6 == kept.version


async def test_no_route_is_missing_while_a_target_moves(platform: Platform) -> None:
    """P4: a table that is read in the middle of a switch leads to the old or to the new one."""
    project = await platform.project()
    await platform.served(project)
    publish = platform.engine.reconciliation._routing.publish
    before = len(platform.router.history)

    async def serve() -> None:
        for _ in range(4):
            await platform.served(project)

    async def publish_often() -> None:
        for _ in range(30):
            await publish()

    await at_once(serve, publish_often)

    name = f"project-{project.slug}"
    for table in platform.router.history[before:]:
        (route,) = [route for route in table.routes if route.name == name]
        assert 1 == len(route.upstreams)


async def test_what_is_served_again_is_not_taken_away(platform: Platform) -> None:
    """A rollback and the sweep of old releases agree, whoever is first."""
    project = await platform.project()
    rollback = platform.application.deployments.rollback
    for _ in range(2):
        ran = [await platform.served(project) for _ in range(3)]
        platform.clock.tick(60)
        await platform.engine.reconciliation.stop_drained()

        rolled_back, _ = await at_once(
            partial(rollback, platform.owner, ran[0].id), platform.engine.sweeping.retire_releases
        )

        kept = {release.id for release in await platform.releases()}
        assert isinstance(rolled_back, Deployment) == (ran[0].release_id in kept)
        if isinstance(rolled_back, Deployment):
            await platform.work()


async def test_a_delivery_that_reaches_two_processes_deploys_once(
    platform: Platform, storages: list[SqlStorage]
) -> None:
    """A forge that sends again while the first time is being followed finds it done."""
    project = await platform.project()
    new = NewWebhook(project_id=project.id, provider=Forge.GITHUB)
    issued = await platform.application.webhooks.add(platform.owner, new)
    delivery = push(Forge.GITHUB)
    headers = {name.lower(): value for name, value in delivery.headers(issued.secret).items()}
    other = assemble(evolve(platform.adapters, storage=storages[1]), OPTIONS)

    receipts = await at_once(
        *(
            partial(api.deliveries.receive, issued.webhook.id, headers, delivery.body)
            for api in (platform.application, other) * 3
        )
    )

    assert [0] * 5 + [1] == sorted(len(receipt.deployment_ids) for receipt in receipts)


async def test_branches_that_come_at_once_leave_no_more_previews_than_there_may_be(
    platform: Platform, storages: list[SqlStorage]
) -> None:
    """Deliveries about one project take turns, so that each counts those before."""
    project = await platform.project()
    new = NewWebhook(project_id=project.id, provider=Forge.GITHUB, previews=True)
    issued = await platform.application.webhooks.add(platform.owner, new)
    other = assemble(evolve(platform.adapters, storage=storages[1]), OPTIONS)

    async def receive(number: int) -> None:
        delivery = push(Forge.GITHUB, f"b{number}", f"{number + 1:040x}")
        headers = {name.lower(): value for name, value in delivery.headers(issued.secret).items()}
        api = (platform.application, other)[number % 2]
        await api.deliveries.receive(issued.webhook.id, headers, delivery.body)

    await at_once(*(partial(receive, number) for number in range(25)))

    async with storages[0].snapshot() as uow:
        waiting = await uow.deployments.all([S.QUEUED])
        counts = await uow.deployments.count_by_status()
    assert OPTIONS.previews == len(waiting) == len({deployment.target for deployment in waiting})
    assert 25 - OPTIONS.previews == counts[S.SUPERSEDED]


async def test_of_claims_proven_at_once_one_has_the_domain(storages: list[SqlStorage]) -> None:
    """The others are refused, whichever process has looked for their record."""
    for number in range(10):
        claims = [
            a_custom_domain(await keep_project(storages[0]), domain=f"shop{number}.example.com")
            for _ in range(4)
        ]
        await keep(storages[0], *claims)

        proofs = await at_once(
            *(partial(_prove, storages[turn % 2], claim) for turn, claim in enumerate(claims))
        )

        assert Counter({DuplicateError: 3, None: 1}) == Counter(proofs)
        async with storages[0].snapshot() as uow:
            kept = await uow.custom_domains.visible_to(PLATFORM).all()
        assert number + 1 == sum(domain.is_verified for domain in kept)


async def _prove(storage: Storage, claim: CustomDomain) -> None:
    async with storage.transaction() as uow:
        present = await uow.custom_domains.visible_to(PLATFORM).get(claim.id)
        await uow.custom_domains.update(evolve(present, verified_at=later(1)))
