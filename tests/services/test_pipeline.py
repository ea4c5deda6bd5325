"""A claimed deployment on its way: step by step to its commit point, or back without a trace."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from anyio import CancelScope, create_task_group, fail_after
from tests.services.platform import PORTS, Platform
from tests.services.world import REPO

from pushpaka_core.adapters.memory.runtime import Listening
from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import Lease
from pushpaka_core.domain.logs import LogLevel, LogStream
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import (
    BuildError,
    ConflictError,
    LeaseLostError,
    PlatformFaultError,
    SourceError,
    StartError,
)
from pushpaka_core.ports.processes import Exit
from pushpaka_core.services.sights import Sight

pytestmark = pytest.mark.anyio

S = DeploymentStatus
RELEASING = {"Procfile": "web: ./serve\nrelease: ./migrate\n"}


class TestAGoodDeployment:
    async def test_goes_from_queued_to_running(self, platform: Platform, shop: Project) -> None:
        """It ends running, with what was found out on the way."""
        queued = await platform.queued(shop)

        running = await platform.work()

        assert (queued.id, S.RUNNING, Phase.RUN) == (running.id, running.status, running.phase)
        assert (f"{1:040x}", "A commit", "Ada Lovelace") == (
            running.commit_sha,
            running.commit_message,
            running.commit_author,
        )
        assert running.framework == (await platform.releases())[0].plan.framework
        assert running.finished_at == platform.clock.now
        assert running.error is None

    async def test_has_a_timeline_of_its_steps(self, platform: Platform, shop: Project) -> None:
        """Each step stands there with its cause, in order."""
        running = await platform.served(shop)

        assert [
            "It was asked for",
            "A worker begins with it",
            "Its files are fetched",
            "Its processes are started",
            "It is healthy and takes over",
            "Requests go to it",
        ] == await platform.causes(running.id)

    async def test_has_a_log_without_a_gap(self, platform: Platform, shop: Project) -> None:
        """The platform, the build and the application speak in turn, numbered from 1."""
        running = await platform.served(shop)

        lines = await platform.lines(running.id)
        assert list(range(1, len(lines) + 1)) == [line.seq for line in lines]
        assert "Built." in [line.message for line in lines if line.phase is Phase.BUILD]
        assert "It is healthy and takes over." == lines[-1].message
        assert {LogStream.SYSTEM, LogStream.STDOUT} == {line.stream for line in lines}

    async def test_is_where_requests_go(self, platform: Platform, shop: Project) -> None:
        """The project's address and the deployment's own lead to its instance."""
        running = await platform.served(shop)

        port = (await platform.instance(running.id)).port
        assert {
            "shop.localhost": (port,),
            f"shop--{running.id.hex[:8]}.localhost": (port,),
        } == platform.routes()

    async def test_leaves_nothing_but_what_it_needs(
        self, platform: Platform, shop: Project
    ) -> None:
        """The workspace is gone; one artifact and one instance are there."""
        await platform.served(shop)

        assert await platform.is_tidy()
        assert 1 == len(platform.runtime.living)

    async def test_gives_its_programs_their_environment(
        self, platform: Platform, shop: Project
    ) -> None:
        """Builds see the env vars; what runs sees also what the platform says of it."""
        await platform.set_env(shop, COLOUR="ultramarine")

        running = await platform.served(shop)

        (build,), (started,) = platform.builder.requests, platform.runtime.living.values()
        assert {"COLOUR": "ultramarine"} == build.env
        assert {
            "COLOUR": "ultramarine",
            "APP_URL": "http://shop.localhost",
            "APP_COMMIT": f"{1:040x}",
            "APP_DEPLOYMENT": str(running.id),
        } == started.env

    async def test_starts_all_replicas_and_other_processes(self, platform: Platform) -> None:
        """Requests go to each web process; another process type runs once, without a port."""
        project = await platform.project(replicas=3)
        platform.commit(Procfile="web: ./serve\nworker: ./work\n")

        running = await platform.served(project)

        instances = await platform.instances(running.id)
        assert ["web", "web", "web", "worker"] == sorted(i.process_type for i in instances)
        ports = {i.port for i in instances if i.port is not None}
        assert (3, ports) == (len(ports), set(platform.routes()["shop.localhost"]))

    async def test_runs_its_release_command_before_it_starts(
        self, platform: Platform, shop: Project
    ) -> None:
        """What the command prints is in the log, under its own phase."""
        platform.commit(**RELEASING)
        platform.runtime.greeting = "Migrated."

        running = await platform.served(shop)

        said = [line for line in await platform.lines(running.id) if line.phase is Phase.RELEASE]
        assert [(LogStream.STDOUT, "Migrated.")] == [(line.stream, line.message) for line in said]

    async def test_is_probed_from_outside_under_its_address(self, platform: Platform) -> None:
        """The probe carries the project's host and its health check path."""
        project = await platform.project(health_check_path="/healthz")

        await platform.served(project)

        probe = platform.prober.probes[0]
        assert ("shop.localhost", "/healthz") == (probe.host_header, probe.path)
        assert probe.port in PORTS


class TestTheNextDeployment:
    async def test_takes_over_and_lets_the_old_one_drain(
        self, platform: Platform, shop: Project
    ) -> None:
        """Requests go to the new one; the old one still runs for what it has begun."""
        old = await platform.served(shop)

        new = await platform.served(shop)

        assert ((await platform.instance(new.id)).port,) == platform.routes()["shop.localhost"]
        drained = await platform.row(old.id)
        assert (S.RUNNING, platform.clock.now + timedelta(seconds=30)) == (
            drained.status,
            drained.drain_until,
        )
        assert 2 == len(platform.runtime.living)

    async def test_sees_changed_env_vars(self, platform: Platform, shop: Project) -> None:
        """An env var that was set in between is seen by the next one only."""
        old = await platform.served(shop)
        await platform.set_env(shop, COLOUR="ultramarine")

        new = await platform.served(shop)

        envs = {r.instance.deployment_id: r.env for r in platform.runtime.living.values()}
        assert (None, "ultramarine") == (envs[old.id].get("COLOUR"), envs[new.id].get("COLOUR"))


def fail_source(platform: Platform) -> None:
    platform.source.failure = SourceError("The branch main does not exist.")


def fail_build(platform: Platform) -> None:
    platform.builder.output = ("Compiling\nno such module", ": os2")
    platform.builder.failure = BuildError("`make` exited with code 2.")


def refuse_start(platform: Platform) -> None:
    platform.runtime.failure = StartError("The plan has no command for web.")


def exit_at_once(platform: Platform) -> None:
    platform.runtime.greeting = "Traceback\nKeyError: 'DB'\n"
    platform.runtime.early_exit = "exited with code 1"


def listen_elsewhere(platform: Platform) -> None:
    platform.runtime.listening = Listening.ELSEWHERE


def listen_nowhere(platform: Platform) -> None:
    platform.runtime.listening = Listening.NOWHERE


def take_port(platform: Platform) -> None:
    platform.runtime.listening = Listening.TAKEN


def answer_badly(platform: Platform) -> None:
    platform.prober.complaints = dict.fromkeys(PORTS, "it answered with status 500")


def fail_release_command(platform: Platform) -> None:
    platform.commit(**RELEASING)
    platform.runtime.greeting = "no such table"
    platform.runtime.release_exit = Exit(code=3)


FAILURES = [
    pytest.param(fail_source, Phase.SOURCE, "The branch main does not exist.", id="source"),
    pytest.param(
        fail_build, Phase.BUILD, "exited with code 2.\nCompiling\nno such module: os2", id="build"
    ),
    pytest.param(refuse_start, Phase.START, "The plan has no command for web.", id="no start"),
    pytest.param(
        exit_at_once,
        Phase.START,
        "The web process exited with code 1.\nTraceback\nKeyError: 'DB'",
        id="exit",
    ),
    pytest.param(
        listen_elsewhere, Phase.START, "It listens on 8080, but has to on the port", id="elsewhere"
    ),
    pytest.param(
        listen_nowhere, Phase.START, "nothing listens on its port. It has to", id="nowhere"
    ),
    pytest.param(
        answer_badly, Phase.START, "not healthy within 1 s: it answered with status 500.", id="500"
    ),
    pytest.param(
        fail_release_command,
        Phase.RELEASE,
        "The release command exited with code 3.\nno such table",
        id="release",
    ),
]


class TestAFailure:
    @pytest.mark.parametrize(("spoil", "phase", "sentence"), FAILURES)
    async def test_leaves_the_old_one_serving_and_nothing_behind(
        self,
        platform: Platform,
        spoil: Callable[[Platform], None],
        phase: Phase,
        sentence: str,
    ) -> None:
        """It ends failed in its phase, says why once, and has changed nothing that serves."""
        shop = await platform.project(health_check_timeout=1)
        old = await platform.served(shop)
        routes = platform.routes()
        spoil(platform)

        failed = await platform.served(shop)

        assert (S.FAILED, phase) == (failed.status, failed.phase)
        assert sentence in (failed.error or "")
        said = "\n".join(await platform.said(failed.id))
        assert [1] * len(sentence.splitlines()) == [said.count(p) for p in sentence.splitlines()]
        assert (old, routes) == (await platform.row(old.id), platform.routes())
        assert [old.id] == [i.deployment_id for i in await platform.instances()]
        await platform.engine.sweeping.sweep()
        assert await platform.is_tidy()

    async def test_of_one_that_listens_says_nothing_of_its_port(self, platform: Platform) -> None:
        """Whoever answers badly, or not at all, is not told to listen where it does."""
        shop = await platform.project(health_check_timeout=1)
        answer_badly(platform)
        failed = await platform.served(shop)
        platform.prober.complaints.clear()
        running = await platform.served(shop)
        job = await platform.engine.jobs.of(running)
        starting = platform.engine.pipeline._running._starting
        cut_short = Sight(missing="nothing listens on its port")

        told = await starting.too_late(job, await platform.instance(running.id), cut_short)

        waited = "The web process was not healthy within 1 s"
        assert f"{waited}: it answered with status 500.\nListening." == failed.error
        assert f"{waited}: it does not answer." == told

    async def test_to_get_its_port_is_not_its_own(self, platform: Platform, shop: Project) -> None:
        """Another program listens there: it waits, and is started elsewhere without a build."""
        take_port(platform)
        waiting = await platform.served(shop)
        platform.runtime.listening = Listening.AS_TOLD
        lease = await platform.engine.pipeline.claim("worker-2")
        assert lease is not None

        is_committed = await platform.engine.pipeline.prepare(lease)

        assert is_committed
        assert (S.QUEUED, None) == (waiting.status, waiting.error)
        assert 1 == len(platform.builder.requests)
        assert "taken by another program" in "\n".join(await platform.said(waiting.id))

    async def test_tells_what_detection_missed(self, platform: Platform, shop: Project) -> None:
        """Where nothing is recognised the error says so."""
        platform.source.repositories[REPO]["main"].clear()
        platform.commit(Procfile="")

        failed = await platform.served(shop)

        assert (S.FAILED, Phase.BUILD) == (failed.status, failed.phase)
        assert failed.error

    async def test_is_written_as_an_error(self, platform: Platform, shop: Project) -> None:
        """The log's last line is the platform's, of the level error."""
        fail_source(platform)

        failed = await platform.served(shop)

        last = (await platform.lines(failed.id))[-1]
        assert (LogLevel.ERROR, LogStream.SYSTEM) == (last.level, last.stream)

    async def test_shows_no_secret(self, platform: Platform) -> None:
        """Neither the error nor the log shows a token or the value of an env var."""
        project = await platform.project(git_token="glpat-0123456789")
        await platform.set_env(project, KEY="s3cr3t-value")
        platform.builder.output = ("key: s3cr3t", "-value\n")
        platform.builder.failure = BuildError("`curl glpat-0123456789` exited with code 2.")

        failed = await platform.served(project)

        told = "\n".join([failed.error or "", *await platform.said(failed.id)])
        assert "`curl ***` exited with code 2.\nkey: ***" == failed.error
        assert "s3cr3t" not in told
        assert "glpat" not in told

    async def test_of_one_replica_ends_the_others(self, platform: Platform) -> None:
        """Where one of several instances fails none is left."""
        project = await platform.project(replicas=3, health_check_timeout=1)
        platform.prober.complaints = {PORTS[1]: "it answered with status 500"}
        platform.prober.complaints |= dict.fromkeys(PORTS[1::3], "it answered with status 500")

        failed = await platform.served(project)

        assert S.FAILED is failed.status
        assert {} == platform.runtime.living

    async def test_without_a_port_left_is_the_platforms(
        self, platform: Platform, shop: Project
    ) -> None:
        """A fault of the host puts it back into the queue, and fails it at the third time."""
        platform.source.failure = PlatformFaultError("The disk is full.")
        await platform.queued(shop)

        statuses = [(await platform.work()).status for _ in range(3)]

        assert [S.QUEUED, S.QUEUED, S.FAILED] == statuses

    async def test_after_the_build_keeps_the_release_for_the_next_try(
        self, platform: Platform, shop: Project
    ) -> None:
        """A fault while starting does not build again."""
        platform.runtime.failure = PlatformFaultError("The kernel has no process left.")
        await platform.queued(shop)
        queued = await platform.work()
        platform.runtime.failure = None

        running = await platform.work()

        assert (S.QUEUED, S.RUNNING) == (queued.status, running.status)
        assert 1 == len(platform.builder.requests)

    async def test_of_the_runtime_to_answer_waits_for_it_and_is_swept_later(
        self, platform: Platform, shop: Project
    ) -> None:
        """It is put back though nothing can be ended, and what was begun goes afterwards."""
        platform.runtime.is_away = True
        await platform.queued(shop)
        queued = await platform.work()
        left = await platform.instances(queued.id)
        platform.runtime.is_away = False

        await platform.engine.sweeping.sweep()

        assert (S.QUEUED, 1) == (queued.status, queued.attempts)
        assert 1 == len(left)
        assert () == tuple(await platform.instances(queued.id))


class TestARollback:
    async def test_serves_a_kept_release_without_a_build(
        self, platform: Platform, shop: Project
    ) -> None:
        """The old artifact is started again, with its env vars, and nothing is fetched or built."""
        old = await platform.served(shop)
        platform.commit(**{"new.txt": ""})
        await platform.served(shop)
        platform.source.failure = SourceError("unreachable")
        await platform.application.deployments.rollback(platform.owner, old.id)

        running = await platform.work()

        assert (S.RUNNING, old.release_id) == (running.status, running.release_id)
        assert 2 == len(platform.builder.requests)
        assert ((await platform.instance(running.id)).port,) == platform.routes()["shop.localhost"]

    async def test_fails_where_the_artifact_is_gone(
        self, platform: Platform, shop: Project
    ) -> None:
        """It says what to do instead, and what serves goes on."""
        old = await platform.served(shop)
        new = await platform.served(shop)
        await platform.application.deployments.rollback(platform.owner, old.id)
        for release in await platform.releases():
            if release.id == old.release_id:
                await platform.builder.remove(release.artifact)

        failed = await platform.work()

        assert "What was built is not there any more. Deploy the commit again." == failed.error
        assert S.RUNNING is (await platform.row(new.id)).status


class TestALostLease:
    async def test_prepares_nothing(self, platform: Platform, shop: Project) -> None:
        """Who comes back after its lease was taken is told so before the first step."""
        await platform.queued(shop)
        lease = await platform.claimed()
        await platform.engine.reconciliation.requeue(lease)

        with pytest.raises(LeaseLostError):
            await platform.engine.pipeline.prepare(lease)

        assert [] == await platform.said(lease.deployment_id)

    async def test_writes_nothing_more(self, platform: Platform, shop: Project) -> None:
        """A worker that goes on after its lease was taken changes no row and says no word."""
        platform.prober.complaints = dict.fromkeys(PORTS, "it answered with status 503")
        await platform.queued(shop)
        lease = await platform.claimed()
        async with create_task_group() as worker:
            worker.start_soon(_prepare_in_vain, platform, lease)
            await platform.until(lease.deployment_id, lambda _: platform.prober.probes)
            await platform.engine.reconciliation.requeue(lease)
            waiting = await platform.row(lease.deployment_id)

        assert waiting == await platform.row(lease.deployment_id)
        assert await platform.is_tidy()

    async def test_takes_its_instances_along(self, platform: Platform, shop: Project) -> None:
        """The next claim starts its own instances; those of the lost one are gone."""
        platform.prober.complaints = dict.fromkeys(PORTS, "it answered with status 503")
        await platform.queued(shop)
        lease = await platform.claimed()
        async with create_task_group() as worker:
            worker.start_soon(platform.engine.pipeline.prepare, lease)
            await platform.until(lease.deployment_id, lambda _: platform.prober.probes)
            await platform.engine.reconciliation.requeue(lease)
            worker.cancel_scope.cancel()
        assert {} == platform.runtime.living
        platform.prober.complaints = {}

        running = await platform.work()

        assert (S.RUNNING, lease.fence + 1) == (running.status, running.fence)
        assert [running.fence] == [i.fence for i in await platform.instances(running.id)]


async def _prepare_in_vain(platform: Platform, lease: Lease) -> None:
    with pytest.raises(LeaseLostError):
        await platform.engine.pipeline.prepare(lease)


class TestACancelRequest:
    async def test_before_the_commit_point_wins(self, platform: Platform, shop: Project) -> None:
        """However far it is, a deployment that was asked to end does not take over."""
        await platform.queued(shop)
        lease = await platform.claimed()
        await platform.application.deployments.cancel(platform.owner, lease.deployment_id)

        is_committed = await platform.engine.pipeline.prepare(lease)

        assert not is_committed
        assert S.CANCELLED is (await platform.row(lease.deployment_id)).status
        assert {} == platform.runtime.living

    async def test_after_the_commit_point_is_refused(
        self, platform: Platform, shop: Project
    ) -> None:
        """What takes over cannot be cancelled any more."""
        await platform.queued(shop)
        lease = await platform.claimed()
        await platform.engine.pipeline.prepare(lease)

        with pytest.raises(ConflictError):
            await platform.application.deployments.cancel(platform.owner, lease.deployment_id)

    async def test_is_not_forgotten_when_the_work_is_put_back(
        self, platform: Platform, shop: Project
    ) -> None:
        """A worker that ends or breaks off leaves what was asked to end cancelled."""
        pipeline = platform.engine.pipeline
        for put_back in (pipeline.hand_back, lambda lease: pipeline.take_back(lease, "It broke.")):
            await platform.queued(shop)
            lease = await platform.claimed()
            await platform.application.deployments.cancel(platform.owner, lease.deployment_id)

            await put_back(lease)

            assert S.CANCELLED is (await platform.row(lease.deployment_id)).status

    async def test_by_a_rollback_makes_it_superseded(
        self, platform: Platform, shop: Project
    ) -> None:
        """What a rollback takes the place of is superseded, also when its worker was lost."""
        old = await platform.served(shop)
        await platform.served(shop)
        await platform.queued(shop)
        lease = await platform.claimed()
        await platform.application.deployments.rollback(platform.owner, old.id)

        await platform.engine.reconciliation.requeue(lease)

        assert S.SUPERSEDED is (await platform.row(lease.deployment_id)).status

    async def test_by_a_rollback_stays_one_whatever_is_asked_for_next(
        self, platform: Platform, shop: Project
    ) -> None:
        """The reason is known even where the rollback has given way before the worker saw it."""
        old = await platform.served(shop)
        await platform.served(shop)
        await platform.queued(shop)
        lease = await platform.claimed()
        await platform.application.deployments.rollback(platform.owner, old.id)
        await platform.application.deployments.cancel(platform.owner, lease.deployment_id)
        await platform.queued(shop)

        await platform.engine.pipeline.end_cancelled(lease)

        assert S.SUPERSEDED is (await platform.row(lease.deployment_id)).status
        assert "A rollback was asked for" == (await platform.causes(lease.deployment_id))[-1]

    async def test_by_somebody_stays_one_whatever_is_asked_for_next(
        self, platform: Platform, shop: Project
    ) -> None:
        """A rollback does not take credit for what had been cancelled."""
        old = await platform.served(shop)
        await platform.served(shop)
        await platform.queued(shop)
        lease = await platform.claimed()
        await platform.application.deployments.cancel(platform.owner, lease.deployment_id)
        await platform.application.deployments.rollback(platform.owner, old.id)

        await platform.engine.pipeline.end_cancelled(lease)

        assert S.CANCELLED is (await platform.row(lease.deployment_id)).status


class TestSuperseded:
    async def test_an_older_one_does_not_replace_a_newer_one(
        self, platform: Platform, shop: Project
    ) -> None:
        """Who comes to its commit point behind a newer one ends there."""
        older = await platform.queued(shop)
        lease = await platform.claimed()
        await platform.kept(older.id, target="preview:x")
        newer = await platform.served(shop)
        await platform.kept(older.id, target="production")

        is_committed = await platform.engine.pipeline.prepare(lease)

        assert not is_committed
        assert S.SUPERSEDED is (await platform.row(older.id)).status
        assert [newer.id] == [i.deployment_id for i in await platform.instances()]


class TestHandingBack:
    async def test_does_not_count_as_an_attempt(self, platform: Platform, shop: Project) -> None:
        """However often a worker is shut down, its job waits again."""
        await platform.queued(shop)

        for _ in range(5):
            await platform.engine.pipeline.hand_back(await platform.claimed())

        assert S.RUNNING is (await platform.work()).status

    async def test_leaves_what_is_committed_alone(self, platform: Platform, shop: Project) -> None:
        """Behind the commit point there is nothing to hand back, cancel or take back."""
        await platform.queued(shop)
        lease = await platform.claimed()
        await platform.engine.pipeline.prepare(lease)
        committed = await platform.row(lease.deployment_id)

        await platform.engine.pipeline.hand_back(lease)
        await platform.engine.pipeline.end_cancelled(lease)
        await platform.engine.pipeline.take_back(lease, "It broke.")

        assert committed == await platform.row(lease.deployment_id)
        assert 1 == len(platform.runtime.living)


async def test_two_workers_never_claim_the_same(platform: Platform) -> None:
    """Of ten deployments and ten workers each gets one."""
    for number in range(10):
        await platform.queued(await platform.project(f"shop {number}"))
    claimed = []

    async def claim(worker: str) -> None:
        claimed.append(await platform.engine.pipeline.claim(worker))

    with fail_after(5):
        async with create_task_group() as workers:
            for number in range(11):
                workers.start_soon(claim, f"worker-{number}")

    assert (11, 1, 10) == (len(claimed), claimed.count(None), len({c for c in claimed if c}))


async def test_a_claim_that_is_cancelled_belongs_to_who_made_it(
    platform: Platform, shop: Project
) -> None:
    """It returns with its lease, so that no deployment is in the hands of nobody."""
    waiting = await platform.queued(shop)
    lease = None
    with CancelScope() as scope:
        scope.cancel()
        lease = await platform.engine.pipeline.claim("worker-1")

    assert (await platform.row(waiting.id)).lease == lease
