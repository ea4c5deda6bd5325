"""Log lines are masked and numbered, and are stored in batches without gaps."""

from collections.abc import AsyncIterator, Sequence

import pytest
from anyio import Event, create_task_group, fail_after, sleep, wait_all_tasks_blocked
from attrs import evolve
from tests.faults.scheduler import Outage, SteppedStorage
from tests.platform_fixtures import Platform
from tests.service_fixtures import HookedStorage

from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.logs.events import LogLinesAppended
from pushpaka_core.domain.logs.logs import MAX_LINE_LENGTH, LogLevel, LogStream
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import BuildError, LeaseLostError
from pushpaka_core.ports.processes import OutputChunk, OutputStream
from pushpaka_core.services.logs import log_batches
from pushpaka_core.services.logs.deployment_log import DeploymentLog
from pushpaka_core.services.logs.log_batches import BATCH_LINES
from pushpaka_core.services.logs.log_writer import LogWriter
from pushpaka_core.testing.objects.deployments import an_instance
from pushpaka_core.testing.objects.values import NOON

pytestmark = pytest.mark.anyio


@pytest.fixture
async def deployment_id(platform: Platform, shop: Project) -> DeploymentId:
    """Return the id of a deployment that a worker has claimed."""
    await platform.enqueue(shop)
    return (await platform.claim()).deployment_id


@pytest.fixture
def log_writer(platform: Platform) -> LogWriter:
    return platform.worker_services.log_writer


def chunk(
    data: bytes, output_stream: OutputStream = OutputStream.STDOUT, position: str = ""
) -> OutputChunk:
    return OutputChunk(stream=output_stream, data=data, written_at=NOON, position=position)


def split(data: bytes, size: int) -> Sequence[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


class TestPlatformMessages:
    async def test_messages_are_split_into_lines(
        self, platform: Platform, log_writer: LogWriter, deployment_id: DeploymentId
    ) -> None:
        async with log_writer.open(deployment_id, Redactor()) as log:
            await log.write("One\ntwo", Phase.BUILD, LogLevel.WARN)

        assert [
            (1, LogLevel.WARN, LogStream.SYSTEM, Phase.BUILD, "One"),
            (2, LogLevel.WARN, LogStream.SYSTEM, Phase.BUILD, "two"),
        ] == [
            (li.seq, li.level, li.stream, li.phase, li.message)
            for li in await platform.lines(deployment_id)
        ]

    async def test_messages_are_sanitized_and_masked(
        self, platform: Platform, log_writer: LogWriter, deployment_id: DeploymentId
    ) -> None:
        async with log_writer.open(deployment_id, Redactor.of(["s3cr3t"])) as log:
            await log.write("a\x1b[2J\x00b s3cr3t", Phase.BUILD)

        assert ["ab ***"] == await platform.messages(deployment_id)


class TestOutput:
    @pytest.mark.parametrize(
        ("pieces", "messages"),
        [
            (split("naïve\r\ncafé\n\nend".encode(), 1), ["naïve", "café", "", "end"]),
            ([b"the pass is correct ", b"horse.\n"], ["the pass is ***."]),
            (
                split(b"x" * (MAX_LINE_LENGTH - 5) + b"correct horse" + b"y" * 100, 1000),
                ["x" * (MAX_LINE_LENGTH - 5), "***" + "y" * 100],
            ),
        ],
        ids=["lines", "a secret in two pieces", "a secret at the longest line"],
    )
    async def test_output_is_split_into_masked_lines(
        self,
        platform: Platform,
        log_writer: LogWriter,
        deployment_id: DeploymentId,
        pieces: Sequence[bytes],
        messages: Sequence[str],
    ) -> None:
        async with log_writer.open(deployment_id, Redactor.of(["correct horse"])) as log:
            output = log.open_output(Phase.BUILD)
            for piece in pieces:
                await output(chunk(piece))
            output.finish()

        assert messages == await platform.messages(deployment_id)

    @pytest.mark.parametrize(
        ("line", "kept_lines"), [("0123456789", 1), ("äöüäöü", 1), ("0123", 4)]
    )
    async def test_output_over_the_limit_is_dropped_with_one_warning(
        self,
        platform: Platform,
        log_writer: LogWriter,
        deployment_id: DeploymentId,
        line: str,
        kept_lines: int,
    ) -> None:
        async with log_writer.open(deployment_id, Redactor(), max_output=20) as log:
            output = log.open_output(Phase.BUILD)
            for _ in range(5):
                await output(chunk(f"{line}\n".encode()))
            await log.write("Still here", Phase.BUILD)

        limit = "The output exceeds 20 bytes. The rest is not stored."
        assert [*[line] * kept_lines, limit, "Still here"] == await platform.messages(deployment_id)

    async def test_streams_are_stored_separately(
        self, platform: Platform, log_writer: LogWriter, deployment_id: DeploymentId
    ) -> None:
        async with log_writer.open(deployment_id, Redactor()) as log:
            output = log.open_output(Phase.BUILD)
            await output(chunk(b"ou"))
            await output(chunk(b"er", OutputStream.STDERR))
            await output(chunk(b"t\n"))
            await output(chunk(b"r\n", OutputStream.STDERR))

        lines = [(line.stream, line.message) for line in await platform.lines(deployment_id)]
        assert [(LogStream.STDOUT, "out"), (LogStream.STDERR, "err")] == lines

    async def test_survives_a_line_of_10_mib(
        self, platform: Platform, log_writer: LogWriter, deployment_id: DeploymentId
    ) -> None:
        async with log_writer.open(deployment_id, Redactor.of(["correct horse"])) as log:
            output = log.open_output(Phase.BUILD)
            for piece in split(b"x" * 10 * 2**20, 16 * 1024):
                await output(chunk(piece))
            output.finish()

        messages = await platform.messages(deployment_id)
        assert (10 * 2**20, MAX_LINE_LENGTH) == (sum(map(len, messages)), max(map(len, messages)))

    async def test_error_messages_include_the_last_lines(
        self, platform: Platform, log_writer: LogWriter, deployment_id: DeploymentId
    ) -> None:
        async with log_writer.open(deployment_id, Redactor.of(["s3cr3t"])) as log:
            output = log.open_output(Phase.BUILD)
            await output(chunk(b"".join(b"line %d\n" % n for n in range(99)) + b"s3cr3t"))
            output.finish()

        lines = output.attach_tail(BuildError("It failed.")).message_with_output.splitlines()
        assert ["It failed.", "line 80", "line 98", "***"] == [lines[0], lines[1], *lines[-2:]]
        assert await platform.lines(deployment_id)

    async def test_records_the_read_position_of_an_instance(
        self, platform: Platform, log_writer: LogWriter, deployment_id: DeploymentId
    ) -> None:
        instance = await stored_instance(platform, deployment_id)

        async with log_writer.open(deployment_id, Redactor()) as log:
            await log.open_output(Phase.RUN, instance.id)(chunk(b"Hello\n", position="6"))

        assert "6" == (await platform.instance(deployment_id)).output_position
        assert ["Hello"] == await platform.messages(deployment_id)

    async def test_lost_output_is_reported_by_a_warning(
        self, platform: Platform, log_writer: LogWriter, deployment_id: DeploymentId
    ) -> None:
        async with log_writer.open(deployment_id, Redactor()) as log:
            output = log.open_output(Phase.RUN)
            output.resume_at("1@4,0")
            await output(evolve(chunk(b"One\nTw", position="3"), follows_gap=True))
            await output(evolve(chunk(b"ree\n", position="9"), follows_gap=True))

        stored = [(line.stream, line.message) for line in await platform.lines(deployment_id)]
        word = (LogStream.SYSTEM, "Some output is missing here because it could not be stored.")
        assert stored == [
            word,
            (LogStream.STDOUT, "One"),
            (LogStream.STDOUT, "Tw"),
            word,
            (LogStream.STDOUT, "ree"),
        ]
        assert "9" == output.position


class TestBatches:
    async def test_fast_writers_wait_for_the_commit(
        self, platform: Platform, log_writer: LogWriter, deployment_id: DeploymentId
    ) -> None:
        async with platform.events.subscribe(deployment_id) as messages:
            async with log_writer.open(deployment_id, Redactor()) as log:
                output = log.open_output(Phase.BUILD)
                for number in range(3 * BATCH_LINES):
                    await output(chunk(b"%d\n" % number))
            sizes = [len(batch.lines) async for batch in _batches_of(messages, 3 * BATCH_LINES)]

        assert BATCH_LINES >= max(sizes)
        assert [str(n) for n in range(3 * BATCH_LINES)] == await platform.messages(deployment_id)
        assert list(range(1, 3 * BATCH_LINES + 1)) == [
            li.seq for li in await platform.lines(deployment_id)
        ]

    async def test_single_line_is_committed_immediately(
        self,
        platform: Platform,
        log_writer: LogWriter,
        deployment_id: DeploymentId,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(log_batches, "COLLECT_SECONDS", 3600)
        async with log_writer.open(deployment_id, Redactor()) as log:
            await log.write("Alone", Phase.BUILD)
            await wait_all_tasks_blocked()
            assert ["Alone"] == await platform.messages(deployment_id)

            await log.write("Soon after", Phase.BUILD)
            await wait_all_tasks_blocked()
            assert ["Alone"] == await platform.messages(deployment_id)

            await log.open_output(Phase.BUILD)(chunk(b"\n" * (BATCH_LINES - 1)))
            await wait_all_tasks_blocked()
            assert BATCH_LINES + 1 == len(await platform.messages(deployment_id))

    async def test_lines_are_collected_during_the_previous_commit(
        self, platform: Platform, deployment_id: DeploymentId
    ) -> None:
        may_commit, written = Event(), []
        storage = HookedStorage(platform.storage, before_commit=may_commit.wait)

        async def write(log: DeploymentLog) -> None:
            for number in range(3 * BATCH_LINES):
                await log.write(str(number), Phase.BUILD)
                written.append(number)

        log_writer = LogWriter(storage, platform.events, lambda: NOON)
        async with log_writer.open(deployment_id, Redactor()) as log, create_task_group() as tasks:
            tasks.start_soon(write, log)
            await wait_all_tasks_blocked()
            assert 2 * BATCH_LINES - 1 == len(written)
            may_commit.set()

        assert [str(n) for n in range(3 * BATCH_LINES)] == await platform.messages(deployment_id)

    async def test_lines_wait_while_the_database_is_down(
        self,
        platform: Platform,
        log_writer: LogWriter,
        deployment_id: DeploymentId,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(log_batches, "RETRY_SECONDS", 0.01)
        async with log_writer.open(deployment_id, Redactor()) as log:
            platform.storage.fail()
            await log.write("During the outage", Phase.BUILD)
            async with create_task_group() as tasks:
                tasks.start_soon(log.flush)
                await wait_all_tasks_blocked()
                platform.storage.recover()

        assert ["During the outage"] == await platform.messages(deployment_id)

    @pytest.mark.parametrize("outage", [Outage.ANSWER_LOST, Outage.BROKEN, Outage.REFUSED])
    async def test_batches_are_committed_once_despite_database_failures(
        self,
        platform: Platform,
        deployment_id: DeploymentId,
        outage: Outage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(log_batches, "RETRY_SECONDS", 0.01)
        storage = SteppedStorage(platform.storage)
        log_writer = LogWriter(storage, platform.events, lambda: NOON)
        instance = await stored_instance(platform, deployment_id)
        async with (
            log_writer.open(deployment_id, Redactor()) as log,
            log_writer.open(deployment_id, Redactor()) as other,
        ):
            output = log.open_output(Phase.RUN, instance.id)
            await output(chunk(b"same\nsame\n", position="0"))
            await log.flush()
            await output(chunk(b"same\nsame\n", position="1"))
            storage.plan(outage, after=0)
            async with create_task_group() as tasks:
                tasks.start_soon(log.flush)
                await wait_all_tasks_blocked()
                await output(chunk(b"later\n", position="2"))
                await other.write("same", Phase.RUN)
                await other.flush()

        messages = await platform.messages(deployment_id)
        assert ["later", *["same"] * 5] == sorted(messages)
        assert "2" == (await platform.instance(deployment_id)).output_position


class TestGrowingLog:
    async def test_log_keeps_its_newest_lines(
        self, platform: Platform, log_writer: LogWriter, deployment_id: DeploymentId
    ) -> None:
        async with log_writer.open(deployment_id, Redactor(), max_log_size=1000) as log:
            for number in range(300):
                await log.write(f"line {number:04}", Phase.RUN)
            with fail_after(30):
                while len(await platform.lines(deployment_id)) > 105:
                    await sleep(0.01)

        lines = await platform.lines(deployment_id)
        assert len(lines) >= 100
        assert list(range(301 - len(lines), 301)) == [line.seq for line in lines]
        assert "line 0299" == lines[-1].message

    async def test_log_is_trimmed_during_continuous_output(
        self, platform: Platform, deployment_id: DeploymentId
    ) -> None:
        is_over, may_commit = Event(), Event()

        async def print_without_end(log: DeploymentLog) -> None:
            output = log.open_output(Phase.RUN)
            while not is_over.is_set():
                await output(chunk(b"flood\n" * BATCH_LINES))

        storage = HookedStorage(platform.storage, before_commit=may_commit.wait)
        log_writer = LogWriter(storage, platform.events, lambda: NOON)
        async with (
            log_writer.open(deployment_id, Redactor(), max_log_size=1000) as log,
            create_task_group() as tasks,
        ):
            tasks.start_soon(print_without_end, log)
            with fail_after(10):
                while not (lines := await platform.lines(deployment_id)) or 1 == lines[0].seq:
                    await wait_all_tasks_blocked()
                    may_commit.set()
                    may_commit = Event()
                    storage.before_commit = may_commit.wait
            is_over.set()
            may_commit.set()

        assert 1 < (await platform.lines(deployment_id))[0].seq

    async def test_log_is_trimmed_after_an_outage(
        self, platform: Platform, log_writer: LogWriter, deployment_id: DeploymentId
    ) -> None:
        async with log_writer.open(deployment_id, Redactor()) as log:
            await log.write("too long", Phase.RUN)
        async with log_writer.open(deployment_id, Redactor(), max_log_size=5) as log:
            platform.storage.fail()
            await wait_all_tasks_blocked()
            platform.storage.recover()
            await log.write("new", Phase.RUN)
            with fail_after(30):
                while await platform.messages(deployment_id) != ["new"]:
                    await sleep(0.01)


class TestLostLease:
    async def test_lost_lease_prevents_writing(
        self, platform: Platform, log_writer: LogWriter, deployment_id: DeploymentId
    ) -> None:
        fence = (await platform.stored_deployment(deployment_id)).fence
        async with log_writer.open(deployment_id, Redactor(), fence=fence) as log:
            await platform.worker_services.reconciler.requeue(
                (await platform.stored_deployment(deployment_id)).lease
            )
            await log.write("Too late", Phase.BUILD)

            with pytest.raises(LeaseLostError):
                await log.flush()
            with pytest.raises(LeaseLostError):
                await log.write("Far too late", Phase.BUILD)

        assert [] == await platform.messages(deployment_id)

    async def test_removed_deployment_is_a_lost_lease_for_writers(
        self, platform: Platform, shop: Project, log_writer: LogWriter, deployment_id: DeploymentId
    ) -> None:
        async with log_writer.open(deployment_id, Redactor()) as log:
            async with platform.storage.transaction() as uow:
                await uow.projects.remove(shop)
            await log.write("Too late", Phase.RUN)

            with pytest.raises(LeaseLostError):
                await log.flush()


async def test_pending_lines_are_written_after_cancellation(
    platform: Platform, log_writer: LogWriter, deployment_id: DeploymentId
) -> None:
    async with create_task_group() as tasks, log_writer.open(deployment_id, Redactor()) as log:
        await log.write("Last words", Phase.BUILD)
        tasks.cancel_scope.cancel()

    assert ["Last words"] == await platform.messages(deployment_id)


async def test_an_error_does_not_change_the_log(
    log_writer: LogWriter, deployment_id: DeploymentId
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with log_writer.open(deployment_id, Redactor()):
            raise ZeroDivisionError


async def stored_instance(platform: Platform, deployment_id: DeploymentId) -> Instance:
    instance = an_instance(await platform.stored_deployment(deployment_id))
    async with platform.storage.transaction() as uow:
        await uow.instances.add(instance)
    return instance


async def _batches_of(
    messages: AsyncIterator[object], lines: int
) -> AsyncIterator[LogLinesAppended]:
    while lines > 0:
        message = await anext(messages)
        if isinstance(message, LogLinesAppended):
            lines -= len(message.lines)
            yield message
