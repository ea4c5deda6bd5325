"""A claimed deployment goes through its phases to the commit point, or leaves nothing behind."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest
from anyio import CancelScope, create_task_group
from tests.platform_fixtures import PORTS, Platform

from pushpaka_core.adapters.memory.runtime import ListenMode
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.instances.start_failures import health_check_remedy
from pushpaka_core.domain.logs.logs import LogLevel, LogStream
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import (
    BuildError,
    LeaseLostError,
    PlatformFaultError,
    SourceError,
    StartError,
)
from pushpaka_core.ports.processes import Exit
from pushpaka_core.services.instances.health import HealthObservation

pytestmark = pytest.mark.anyio

S = DeploymentStatus
WITH_RELEASE_COMMAND = {"Procfile": "web: ./serve\nrelease: ./migrate\n"}


class TestSuccess:
    async def test_deployment_goes_from_queued_to_running(
        self, platform: Platform, shop: Project
    ) -> None:
        queued = await platform.enqueue(shop)

        running = await platform.work()

        assert (queued.id, S.RUNNING, Phase.RUN) == (running.id, running.status, running.phase)
        assert (f"{1:040x}", "A commit", "Ada Lovelace") == (
            running.commit_sha, running.commit_message, running.commit_author,
        )  # fmt: skip
        assert running.framework == (await platform.releases())[0].plan.framework
        assert (platform.clock.now, None) == (running.finished_at, running.error)
        assert [
            *["Requested by a user", "Claimed by a worker", "The source was fetched"],
            *[
                "The processes are starting",
                "The health check passed",
                "The deployment receives traffic",
            ],
        ] == await platform.causes(running.id)

    async def test_log_has_no_gap(self, platform: Platform, running: Deployment) -> None:
        lines = await platform.lines(running.id)
        assert list(range(1, len(lines) + 1)) == [line.seq for line in lines]
        assert "Built." in [line.message for line in lines if line.phase is Phase.BUILD]
        assert "The health check passed. Switching traffic." == lines[-1].message
        assert {LogStream.SYSTEM, LogStream.STDOUT} == {line.stream for line in lines}

    async def test_programs_get_their_environment(self, platform: Platform, shop: Project) -> None:
        await platform.set_env(shop, COLOR="ultramarine")

        running = await platform.deploy(shop)

        (build,), (started,) = platform.builder.requests, platform.runtime.running.values()
        assert {"COLOR": "ultramarine"} == build.env
        assert {
            "COLOR": "ultramarine",
            "APP_URL": "http://shop.localhost",
            "APP_COMMIT": f"{1:040x}",
            "APP_DEPLOYMENT": str(running.id),
        } == started.env

    async def test_all_replicas_and_other_processes_start(self, platform: Platform) -> None:
        project = await platform.project(replicas=3)
        platform.commit(Procfile="web: ./serve\nworker: ./work\n")

        running = await platform.deploy(project)

        instances = await platform.instances(running.id)
        assert ["web", "web", "web", "worker"] == sorted(i.process_type for i in instances)
        ports = {i.port for i in instances if i.port is not None}
        assert (3, ports) == (len(ports), set(platform.routes()["shop.localhost"]))

    async def test_release_command_runs_before_the_start(
        self, platform: Platform, shop: Project
    ) -> None:
        platform.commit(**WITH_RELEASE_COMMAND)
        platform.runtime.greeting = "Migrated."

        running = await platform.deploy(shop)

        printed = [line for line in await platform.lines(running.id) if line.phase is Phase.RELEASE]
        assert [(LogStream.STDOUT, "Migrated.")] == [
            (line.stream, line.message) for line in printed
        ]

    async def test_public_address_is_probed(self, platform: Platform) -> None:
        project = await platform.project(health_check_path="/healthz")

        await platform.deploy(project)

        probe = platform.prober.probes[0]
        assert ("shop.localhost", "/healthz") == (probe.host_header, probe.path)
        assert probe.port in PORTS


FAILING_PROBES = dict.fromkeys(PORTS, "it answered with status 500")
FAILURES: list[tuple[str, dict[str, object], Phase, str]] = [
    (
        "source",
        {"failure": SourceError("The branch main does not exist.")},
        Phase.SOURCE,
        "The branch main does not exist.",
    ),
    (
        "builder",
        {
            "output": ("Compiling\nno such module", ": os2"),
            "failure": BuildError("`make` exited with code 2."),
        },
        Phase.BUILD,
        "exited with code 2.\nCompiling\nno such module: os2",
    ),
    (
        "runtime",
        {"greeting": "no such table", "release_exit": Exit(code=3)},
        Phase.RELEASE,
        (
            "The release command exited with code 3. Check its output, fix the command, and deploy"
            " again.\nno such table"
        ),
    ),
    (
        "runtime",
        {"failure": StartError("The plan has no command for web.")},
        Phase.START,
        "The plan has no command for web.",
    ),
    (
        "runtime",
        {"greeting": "Traceback\nKeyError: 'DB'\n", "early_exit": "exited with code 1"},
        Phase.START,
        "fix the app or its start command, and deploy again.\nTraceback\nKeyError: 'DB'",
    ),
    (
        "runtime",
        {"listening": ListenMode.ANOTHER_PORT},
        Phase.START,
        "It listens on 8080, but must listen on $PORT",
    ),
    (
        "runtime",
        {"listening": ListenMode.NOWHERE},
        Phase.START,
        "nothing listens on its port. It must",
    ),
    (
        "prober",
        {"failures": FAILING_PROBES},
        Phase.START,
        "not healthy within 1 s: it answered with status 500.",
    ),
]
"""Failures: the component, how it fails, the phase that notices the failure, and the error."""


class TestAFailure:
    @pytest.mark.parametrize(("component", "changes", "phase", "sentence"), FAILURES)
    async def test_failure_keeps_the_old_deployment_and_leaves_nothing(
        self,
        platform: Platform,
        component: str,
        changes: dict[str, object],
        phase: Phase,
        sentence: str,
    ) -> None:
        shop = await platform.project(health_check_timeout=1)
        old = await platform.deploy(shop)
        routes = platform.routes()
        if phase is Phase.RELEASE:
            platform.commit(**WITH_RELEASE_COMMAND)
        for name, value in changes.items():
            setattr(getattr(platform, component), name, value)

        failed = await platform.deploy(shop)

        assert (S.FAILED, phase) == (failed.status, failed.phase)
        assert sentence in (failed.error or "")
        last = (await platform.lines(failed.id))[-1]
        assert (LogLevel.ERROR, LogStream.SYSTEM) == (last.level, last.stream)
        log = "\n".join(await platform.messages(failed.id))
        assert [1] * len(sentence.splitlines()) == [log.count(p) for p in sentence.splitlines()]
        assert (old, routes) == (await platform.stored_deployment(old.id), platform.routes())
        assert [old.id] == [i.deployment_id for i in await platform.instances()]
        await platform.worker_services.garbage_collector.collect()
        assert await platform.is_cleaned_up()

    async def test_failure_of_a_listening_instance_does_not_mention_the_port(
        self, platform: Platform
    ) -> None:
        shop = await platform.project(health_check_timeout=1)
        platform.prober.failures = dict(FAILING_PROBES)
        failed = await platform.deploy(shop)
        platform.prober.failures.clear()
        running = await platform.deploy(shop)
        job = await platform.worker_services.job_loader.load_for_deployment(running)
        health = platform.worker_services.pipeline._lifecycle._health
        cut_short = HealthObservation(unhealthy_reason="nothing listens on its port")

        message = await health.timeout_message(job, await platform.instance(running.id), cut_short)

        waited = "The web process was not healthy within 1 s"
        remedy = health_check_remedy(job.settings)
        assert f"{waited}: it answered with status 500. {remedy}\nListening." == failed.error
        assert f"{waited}: it is not responding. {remedy}" == message

    async def test_failure_to_bind_a_port_is_not_blamed_on_the_application(
        self, platform: Platform, shop: Project
    ) -> None:
        platform.runtime.listening = ListenMode.PORT_TAKEN
        waiting = await platform.deploy(shop)
        platform.runtime.listening = ListenMode.OWN_PORT
        lease = await platform.worker_services.pipeline.claim("worker-2")
        assert lease is not None

        is_committed = await platform.worker_services.pipeline.prepare(lease)

        assert is_committed
        assert (S.QUEUED, None) == (waiting.status, waiting.error)
        assert 1 == len(platform.builder.requests)
        assert "taken by another program" in "\n".join(await platform.messages(waiting.id))

    async def test_failure_shows_no_secret(self, platform: Platform) -> None:
        project = await platform.project(git_token="glpat-0123456789")
        await platform.set_env(project, KEY="s3cr3t-value")
        platform.builder.output = ("key: s3cr3t", "-value\n")
        platform.builder.failure = BuildError("`curl glpat-0123456789` exited with code 2.")

        failed = await platform.deploy(project)

        text = "\n".join([failed.error or "", *await platform.messages(failed.id)])
        assert "`curl ***` exited with code 2.\nkey: ***" == failed.error
        assert "s3cr3t" not in text
        assert "glpat" not in text

    async def test_failure_of_one_replica_ends_the_others(self, platform: Platform) -> None:
        project = await platform.project(replicas=3, health_check_timeout=1)
        platform.prober.failures = {PORTS[1]: "it answered with status 500"}
        platform.prober.failures |= dict.fromkeys(PORTS[1::3], "it answered with status 500")

        failed = await platform.deploy(project)

        assert S.FAILED is failed.status
        assert {} == platform.runtime.running

    async def test_host_failure_is_retried_without_another_build(
        self, platform: Platform, shop: Project
    ) -> None:
        platform.source.failure = PlatformFaultError("The disk is full.")
        await platform.enqueue(shop)
        statuses = [(await platform.work()).status for _ in range(3)]
        platform.source.failure = None
        platform.runtime.failure = PlatformFaultError("The kernel has no process left.")
        await platform.enqueue(shop)
        queued = await platform.work()
        platform.runtime.failure = None

        running = await platform.work()

        assert [S.QUEUED, S.QUEUED, S.FAILED] == statuses
        assert (S.QUEUED, S.RUNNING) == (queued.status, running.status)
        assert 1 == len(platform.builder.requests)

    async def test_runtime_outage_requeues_the_deployment(
        self, platform: Platform, shop: Project
    ) -> None:
        platform.runtime.is_unavailable = True
        await platform.enqueue(shop)
        queued = await platform.work()
        left = await platform.instances(queued.id)
        platform.runtime.is_unavailable = False

        await platform.worker_services.garbage_collector.collect()

        assert (S.QUEUED, 1) == (queued.status, queued.attempts)
        assert 1 == len(left)
        assert () == tuple(await platform.instances(queued.id))


class TestARollback:
    async def test_rollback_serves_a_kept_release_without_a_build(
        self, platform: Platform, shop: Project
    ) -> None:
        old = await platform.deploy(shop)
        platform.commit(**{"new.txt": ""})
        await platform.deploy(shop)
        platform.source.failure = SourceError("unreachable")
        await platform.application.deployments.rollback(platform.owner, old.id)

        running = await platform.work()

        assert (S.RUNNING, old.release_id) == (running.status, running.release_id)
        assert 2 == len(platform.builder.requests)
        assert ((await platform.instance(running.id)).port,) == platform.routes()["shop.localhost"]

    async def test_missing_artifact_is_a_failure(self, platform: Platform, shop: Project) -> None:
        old = await platform.deploy(shop)
        new = await platform.deploy(shop)
        await platform.application.deployments.rollback(platform.owner, old.id)
        for release in await platform.releases():
            if release.id == old.release_id:
                await platform.builder.remove(release.artifact)

        failed = await platform.work()

        assert "The build output has been removed. Deploy the commit again." == failed.error
        assert S.RUNNING is await platform.status(new.id)


class TestALostLease:
    async def test_nothing_is_prepared_under_a_lost_lease(
        self, platform: Platform, shop: Project
    ) -> None:
        lease = await platform.begin(shop)
        await platform.worker_services.reconciler.requeue(lease)

        with pytest.raises(LeaseLostError):
            await platform.worker_services.pipeline.prepare(lease)

        assert [] == await platform.messages(lease.deployment_id)

    async def test_nothing_is_written_under_a_lost_lease(
        self, platform: Platform, shop: Project
    ) -> None:
        platform.prober.failures = dict.fromkeys(PORTS, "it answered with status 503")
        lease = await platform.begin(shop)
        async with create_task_group() as worker:
            worker.start_soon(_prepare_with_lost_lease, platform, lease)
            await platform.wait_until(lease.deployment_id, lambda _: platform.prober.probes)
            await platform.worker_services.reconciler.requeue(lease)
            waiting = await platform.stored_deployment(lease.deployment_id)

        assert waiting == await platform.stored_deployment(lease.deployment_id)
        assert await platform.is_cleaned_up()

    async def test_removed_deployment_is_a_lost_lease(
        self, platform: Platform, shop: Project
    ) -> None:
        lease = await platform.begin(shop)
        await platform.workspaces.path(lease)
        async with platform.storage.transaction() as uow:
            await uow.projects.remove(shop)

        with pytest.raises(LeaseLostError):
            await platform.worker_services.pipeline.end_canceled(lease)

        assert [] == list(await platform.workspaces.leases())


async def _prepare_with_lost_lease(platform: Platform, lease: Lease) -> None:
    with pytest.raises(LeaseLostError):
        await platform.worker_services.pipeline.prepare(lease)


class TestACancelRequest:
    async def test_cancel_request_survives_requeueing(
        self, platform: Platform, shop: Project
    ) -> None:
        pipeline = platform.worker_services.pipeline
        for put_back in (
            pipeline.requeue_on_shutdown,
            lambda lease: pipeline.requeue_after_failure(lease, "It broke."),
        ):
            lease = await platform.begin(shop)
            await platform.application.deployments.cancel(platform.owner, lease.deployment_id)

            await put_back(lease)

            assert S.CANCELLED is await platform.status(lease.deployment_id)

    @pytest.mark.parametrize("is_worker_lost", [False, True])
    @pytest.mark.parametrize(
        ("requests", "status"),
        [
            (["rollback"], S.SUPERSEDED),
            (["rollback", "cancel", "deploy"], S.SUPERSEDED),
            (["cancel", "rollback"], S.CANCELLED),
        ],
    )
    async def test_first_reason_for_a_cancellation_is_kept(
        self,
        platform: Platform,
        shop: Project,
        requests: Sequence[str],
        status: DeploymentStatus,
        *,
        is_worker_lost: bool,
    ) -> None:
        old = await platform.deploy(shop)
        await platform.deploy(shop)
        lease = await platform.begin(shop)
        deployments, owner = platform.application.deployments, platform.owner
        ask: Mapping[str, Callable[[], Awaitable[object]]] = {
            "rollback": lambda: deployments.rollback(owner, old.id),
            "cancel": lambda: deployments.cancel(owner, lease.deployment_id),
            "deploy": lambda: platform.enqueue(shop),
        }
        for request in requests:
            await ask[request]()

        engine = platform.worker_services
        await (engine.reconciler.requeue if is_worker_lost else engine.pipeline.end_canceled)(lease)

        ended = await platform.stored_deployment(lease.deployment_id)
        assert (status, status is S.SUPERSEDED) == (
            ended.status, "A rollback was requested" == (await platform.causes(ended.id))[-1],
        )  # fmt: skip


class TestSuperseded:
    async def test_an_older_deployment_does_not_replace_a_newer_one(
        self, platform: Platform, shop: Project
    ) -> None:
        older = await platform.enqueue(shop)
        lease = await platform.claim()
        await platform.overwrite(older.id, target="preview:x")
        newer = await platform.deploy(shop)
        await platform.overwrite(older.id, target="production")

        is_committed = await platform.worker_services.pipeline.prepare(lease)

        assert not is_committed
        assert S.SUPERSEDED is await platform.status(older.id)
        assert [newer.id] == [i.deployment_id for i in await platform.instances()]


class TestShutdown:
    async def test_shutdown_keeps_committed_deployments(
        self, platform: Platform, shop: Project
    ) -> None:
        lease = await platform.begin(shop)
        await platform.worker_services.pipeline.prepare(lease)
        committed = await platform.stored_deployment(lease.deployment_id)

        await platform.worker_services.pipeline.requeue_on_shutdown(lease)
        await platform.worker_services.pipeline.end_canceled(lease)
        await platform.worker_services.pipeline.requeue_after_failure(lease, "It broke.")

        assert committed == await platform.stored_deployment(lease.deployment_id)
        assert 1 == len(platform.runtime.running)


async def test_a_canceled_claim_still_returns_its_lease(platform: Platform, shop: Project) -> None:
    waiting = await platform.enqueue(shop)
    lease = None
    with CancelScope() as scope:
        scope.cancel()
        lease = await platform.worker_services.pipeline.claim("worker-1")

    assert (await platform.stored_deployment(waiting.id)).lease == lease
