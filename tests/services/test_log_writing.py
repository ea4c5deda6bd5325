"""Logs on their way into storage: in batches, masked, numbered, and whole."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from anyio import Event, create_task_group, fail_after, wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from attrs import define, evolve, field
from tests.faults.stage import Outage, StagedStorage
from tests.services.platform import Platform

from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.events import LinesWritten
from pushpaka_core.domain.instances import Instance
from pushpaka_core.domain.logs import LONGEST_LINE, LogLevel, LogStream
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.errors import BuildError, LeaseLostError
from pushpaka_core.ports.processes import Descriptor, OutputChunk
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.services import log_batches
from pushpaka_core.services.deployment_log import DeploymentLog
from pushpaka_core.services.log_batches import BATCH_LINES
from pushpaka_core.services.log_writing import LogWriting
from pushpaka_core.testing.objects import NOON, an_instance

pytestmark = pytest.mark.anyio


@pytest.fixture(name="id")
async def deployment_in_work(platform: Platform, shop: Project) -> DeploymentId:
    """Return a deployment in the hands of a worker."""
    await platform.queued(shop)
    return (await platform.claimed()).deployment_id


@pytest.fixture
def writing(platform: Platform) -> LogWriting:
    return platform.engine.log_writing


def chunk(
    data: bytes, descriptor: Descriptor = Descriptor.STDOUT, position: str = ""
) -> OutputChunk:
    return OutputChunk(descriptor=descriptor, data=data, written_at=NOON, position=position)


def cut(data: bytes, size: int) -> Iterable[OutputChunk]:
    return (chunk(data[start : start + size]) for start in range(0, len(data), size))


class TestWhatIsSaid:
    async def test_is_written_line_by_line(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """A message of several lines becomes several lines of the log."""
        async with writing.open(id, Redactor()) as log:
            await log.say("One\ntwo", Phase.BUILD, LogLevel.WARN)

        assert [
            (1, LogLevel.WARN, LogStream.SYSTEM, Phase.BUILD, "One"),
            (2, LogLevel.WARN, LogStream.SYSTEM, Phase.BUILD, "two"),
        ] == [
            (li.seq, li.level, li.stream, li.phase, li.message) for li in await platform.lines(id)
        ]

    async def test_is_told_to_watchers_soon(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """A line does not wait for more of them, nor for the end."""
        async with platform.events.subscribe(id) as messages, writing.open(id, Redactor()) as log:
            await log.say("Hello", Phase.BUILD)
            with fail_after(10):
                message = await anext(messages)

        assert isinstance(message, LinesWritten)
        assert ["Hello"] == [line.message for line in message.lines]

    async def test_is_clean_and_masked(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """Neither control characters nor secrets pass."""
        async with writing.open(id, Redactor.of(["s3cr3t"])) as log:
            await log.say("a\x1b[2J\x00b s3cr3t", Phase.BUILD)

        assert ["ab ***"] == await platform.said(id)


class TestOutput:
    async def test_is_cut_at_line_ends(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """However it comes, a line is a line, and one without an end is written at last."""
        async with writing.open(id, Redactor()) as log:
            output = log.output(Phase.BUILD)
            for piece in cut("naïve\r\ncafé\n\nend".encode(), 1):
                await output(piece)
            output.finish()

        assert ["naïve", "café", "", "end"] == await platform.said(id)

    async def test_of_both_streams_is_kept_apart(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """Halves of lines on stdout and stderr do not mix."""
        async with writing.open(id, Redactor()) as log:
            output = log.output(Phase.BUILD)
            await output(chunk(b"ou"))
            await output(chunk(b"er", Descriptor.STDERR))
            await output(chunk(b"t\n"))
            await output(chunk(b"r\n", Descriptor.STDERR))

        lines = [(line.stream, line.message) for line in await platform.lines(id)]
        assert [(LogStream.STDOUT, "out"), (LogStream.STDERR, "err")] == lines

    async def test_is_masked_however_it_is_written(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """A secret that is spread over two writes is masked."""
        async with writing.open(id, Redactor.of(["correct horse"])) as log:
            output = log.output(Phase.BUILD)
            await output(chunk(b"the pass is correct "))
            await output(chunk(b"horse.\n"))

        assert ["the pass is ***."] == await platform.said(id)

    async def test_is_masked_where_a_long_line_is_split(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """No secret is parted by the limit of a line."""
        line = b"x" * (LONGEST_LINE - 5) + b"correct horse" + b"y" * 100
        async with writing.open(id, Redactor.of(["correct horse"])) as log:
            output = log.output(Phase.BUILD)
            for piece in cut(line, 1000):
                await output(piece)
            output.finish()

        assert ["x" * (LONGEST_LINE - 5), "***" + "y" * 100] == await platform.said(id)

    async def test_survives_a_line_of_10_mib(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """It is split, and none of it is lost."""
        async with writing.open(id, Redactor.of(["correct horse"])) as log:
            output = log.output(Phase.BUILD)
            for piece in cut(b"x" * 10 * 2**20, 16 * 1024):
                await output(piece)
            output.finish()

        said = await platform.said(id)
        assert (10 * 2**20, LONGEST_LINE) == (sum(map(len, said)), max(map(len, said)))

    async def test_over_the_limit_is_left_out_once_said(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """A build that prints too much is told so by one line; what the platform says goes on."""
        async with writing.open(id, Redactor(), most_output=20) as log:
            output = log.output(Phase.BUILD)
            for _ in range(5):
                await output(chunk(b"0123456789\n"))
            await log.say("Still here", Phase.BUILD)

        assert [
            "0123456789",
            "The output is over 20 bytes; the rest is not kept.",
            "Still here",
        ] == await platform.said(id)

    async def test_counts_the_bytes_that_it_has(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """Letters of which each takes several are not more room for a build."""
        async with writing.open(id, Redactor(), most_output=20) as log:
            output = log.output(Phase.BUILD)
            for _ in range(2):
                await output(chunk("äöüäöü\n".encode()))

        assert [
            "äöüäöü",
            "The output is over 20 bytes; the rest is not kept.",
        ] == await platform.said(id)

    async def test_has_a_tail_for_error_messages(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """The last lines stand below the sentence, masked."""
        async with writing.open(id, Redactor.of(["s3cr3t"])) as log:
            output = log.output(Phase.BUILD)
            await output(chunk(b"".join(b"line %d\n" % n for n in range(99)) + b"s3cr3t"))
            output.finish()

        told = output.added_to(BuildError("It failed.")).report.splitlines()
        assert ["It failed.", "line 80", "line 98", "***"] == [told[0], told[1], *told[-2:]]
        assert await platform.lines(id)

    async def test_notes_how_far_an_instance_is_read(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """The position is kept together with the lines before it."""
        instance = await kept_instance(platform, id)

        async with writing.open(id, Redactor()) as log:
            await log.output(Phase.RUN, instance.id)(chunk(b"Hello\n", position="6"))

        assert "6" == (await platform.instance(id)).output_position
        assert ["Hello"] == await platform.said(id)

    async def test_that_is_missing_leaves_a_word_in_its_place(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """What comes behind a loss is no part of the line before, and none of it is skipped."""
        async with writing.open(id, Redactor()) as log:
            output = log.output(Phase.RUN)
            output.begin_at("1@4,0")
            await output(evolve(chunk(b"One\nTw", position="3"), is_after_loss=True))
            await output(evolve(chunk(b"ree\n", position="9"), is_after_loss=True))

        said = [(line.stream, line.message) for line in await platform.lines(id)]
        word = (LogStream.SYSTEM, "Some output is missing here: it could not be kept.")
        assert said == [
            word,
            (LogStream.STDOUT, "One"),
            (LogStream.STDOUT, "Tw"),
            word,
            (LogStream.STDOUT, "ree"),
        ]
        assert "9" == output.place


class TestBatches:
    async def test_hold_whoever_writes_too_fast(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """Many lines come in few transactions, in order and without a gap."""
        async with platform.events.subscribe(id) as messages:
            async with writing.open(id, Redactor()) as log:
                output = log.output(Phase.BUILD)
                for number in range(3 * BATCH_LINES):
                    await output(chunk(b"%d\n" % number))
            sizes = [len(batch.lines) async for batch in _written(messages, 3 * BATCH_LINES)]

        assert BATCH_LINES >= max(sizes)
        assert [str(n) for n in range(3 * BATCH_LINES)] == await platform.said(id)
        assert list(range(1, 3 * BATCH_LINES + 1)) == [li.seq for li in await platform.lines(id)]

    async def test_begin_with_a_line_that_comes_alone(
        self,
        platform: Platform,
        writing: LogWriting,
        id: DeploymentId,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The first line is written at once, others after a rest, or when they fill a batch."""
        monkeypatch.setattr(log_batches, "REST_SECONDS", 3600)
        async with writing.open(id, Redactor()) as log:
            await log.say("Alone", Phase.BUILD)
            await wait_all_tasks_blocked()
            assert ["Alone"] == await platform.said(id)

            await log.say("Soon after", Phase.BUILD)
            await wait_all_tasks_blocked()
            assert ["Alone"] == await platform.said(id)

            await log.output(Phase.BUILD)(chunk(b"\n" * (BATCH_LINES - 1)))
            await wait_all_tasks_blocked()
            assert BATCH_LINES + 1 == len(await platform.said(id))

    async def test_are_gathered_while_the_one_before_is_committed(
        self, platform: Platform, id: DeploymentId
    ) -> None:
        """Whoever writes goes on meanwhile, until the next batch is full as well."""
        storage, written = SlowToCommit(platform.storage), []

        async def write(log: DeploymentLog) -> None:
            for number in range(3 * BATCH_LINES):
                await log.say(str(number), Phase.BUILD)
                written.append(number)

        writing = LogWriting(storage, platform.events, lambda: NOON)
        async with writing.open(id, Redactor()) as log, create_task_group() as tasks:
            tasks.start_soon(write, log)
            await wait_all_tasks_blocked()
            assert 2 * BATCH_LINES - 1 == len(written)
            storage.may_commit.set()

        assert [str(n) for n in range(3 * BATCH_LINES)] == await platform.said(id)

    async def test_wait_for_a_storage_that_is_away(
        self,
        platform: Platform,
        writing: LogWriting,
        id: DeploymentId,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Nothing is lost and nothing doubled by an outage."""
        monkeypatch.setattr(log_batches, "PAUSE_SECONDS", 0.01)
        async with writing.open(id, Redactor()) as log:
            platform.storage.fail()
            await log.say("During the outage", Phase.BUILD)
            async with create_task_group() as tasks:
                tasks.start_soon(log.flush)
                await wait_all_tasks_blocked()
                platform.storage.recover()

        assert ["During the outage"] == await platform.said(id)

    @pytest.mark.parametrize("outage", [Outage.ANSWER_LOST, Outage.BROKEN, Outage.REFUSED])
    async def test_are_written_once_whenever_the_storage_goes_away(
        self,
        platform: Platform,
        id: DeploymentId,
        outage: Outage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Also where only the answer to a commit was lost, and the same was said before."""
        monkeypatch.setattr(log_batches, "PAUSE_SECONDS", 0.01)
        storage = StagedStorage(platform.storage)
        writing = LogWriting(storage, platform.events, lambda: NOON)
        instance = await kept_instance(platform, id)
        async with writing.open(id, Redactor()) as log, writing.open(id, Redactor()) as other:
            output = log.output(Phase.RUN, instance.id)
            await output(chunk(b"same\nsame\n", position="0"))
            await log.flush()
            await output(chunk(b"same\nsame\n", position="1"))
            storage.plan(outage, after=0)
            async with create_task_group() as tasks:
                tasks.start_soon(log.flush)
                await wait_all_tasks_blocked()
                await output(chunk(b"later\n", position="2"))
                await other.say("same", Phase.RUN)
                await other.flush()

        said = await platform.said(id)
        assert ["later", *["same"] * 5] == sorted(said)
        assert "2" == (await platform.instance(id)).output_position


class TestALogThatGrows:
    async def test_keeps_its_newest_lines(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """The oldest go while others are written; the numbers tell how many went."""
        async with writing.open(id, Redactor(), most_kept=1000) as log:
            for number in range(300):
                await log.say(f"line {number:04}", Phase.RUN)
            with fail_after(5):
                while len(await platform.lines(id)) > 105:
                    await checkpoint()

        lines = await platform.lines(id)
        assert len(lines) >= 100
        assert list(range(301 - len(lines), 301)) == [line.seq for line in lines]
        assert "line 0299" == lines[-1].message

    async def test_is_trimmed_while_a_program_never_pauses(
        self, platform: Platform, id: DeploymentId
    ) -> None:
        """Also where the next batch is full each time that one is committed."""
        is_over = Event()

        async def print_without_end(log: DeploymentLog) -> None:
            output = log.output(Phase.RUN)
            while not is_over.is_set():
                await output(chunk(b"flood\n" * BATCH_LINES))

        storage = SlowToCommit(platform.storage)
        writing = LogWriting(storage, platform.events, lambda: NOON)
        async with (
            writing.open(id, Redactor(), most_kept=1000) as log,
            create_task_group() as tasks,
        ):
            tasks.start_soon(print_without_end, log)
            with fail_after(10):
                while not (lines := await platform.lines(id)) or 1 == lines[0].seq:
                    await wait_all_tasks_blocked()
                    storage.may_commit.set()
                    storage.may_commit = Event()
            is_over.set()
            storage.may_commit.set()

        assert 1 < (await platform.lines(id))[0].seq

    async def test_is_trimmed_after_an_outage(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """What could not be done is done as soon as more is written."""
        async with writing.open(id, Redactor()) as log:
            await log.say("too long", Phase.RUN)
        async with writing.open(id, Redactor(), most_kept=5) as log:
            platform.storage.fail()
            await wait_all_tasks_blocked()
            platform.storage.recover()
            await log.say("new", Phase.RUN)
            with fail_after(5):
                while await platform.said(id) != ["new"]:
                    await checkpoint()


class TestALostLease:
    async def test_lets_nobody_write(
        self, platform: Platform, writing: LogWriting, id: DeploymentId
    ) -> None:
        """Under an old fence nothing is written, and whoever writes is told."""
        fence = (await platform.row(id)).fence
        async with writing.open(id, Redactor(), fence=fence) as log:
            await platform.engine.reconciliation.requeue((await platform.row(id)).lease)
            await log.say("Too late", Phase.BUILD)

            with pytest.raises(LeaseLostError):
                await log.flush()
            with pytest.raises(LeaseLostError):
                await log.say("Far too late", Phase.BUILD)

        assert [] == await platform.said(id)

    async def test_is_what_a_removed_deployment_is_like(
        self, platform: Platform, shop: Project, writing: LogWriting, id: DeploymentId
    ) -> None:
        """Where the rows are gone nobody writes, and nothing breaks."""
        async with writing.open(id, Redactor()) as log:
            async with platform.storage.transaction() as uow:
                await uow.projects.remove(shop)
            await log.say("Too late", Phase.RUN)

            with pytest.raises(LeaseLostError):
                await log.flush()


async def test_who_is_cancelled_writes_what_is_left(
    platform: Platform, writing: LogWriting, id: DeploymentId
) -> None:
    """The last words of a job that ends are kept."""
    async with create_task_group() as tasks, writing.open(id, Redactor()) as log:
        await log.say("Last words", Phase.BUILD)
        tasks.cancel_scope.cancel()

    assert ["Last words"] == await platform.said(id)


async def test_an_error_leaves_the_log_as_it_is(writing: LogWriting, id: DeploymentId) -> None:
    """Who writes gets its own error back, not a group of errors."""
    with pytest.raises(ZeroDivisionError):
        async with writing.open(id, Redactor()):
            raise ZeroDivisionError


@define
class SlowToCommit:
    """A storage whose commits wait until they may be."""

    _storage: Storage
    may_commit: Event = field(factory=Event, init=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[UnitOfWork]:
        """Write."""
        async with self._storage.transaction() as uow:
            yield uow
            await self.may_commit.wait()

    def snapshot(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Read."""
        return self._storage.snapshot()

    async def check(self) -> None:
        """Ask the storage."""
        await self._storage.check()


async def kept_instance(platform: Platform, id: DeploymentId) -> Instance:
    instance = an_instance(await platform.row(id))
    async with platform.storage.transaction() as uow:
        await uow.instances.add(instance)
    return instance


async def _written(messages: AsyncIterator[object], lines: int) -> AsyncIterator[LinesWritten]:
    while lines > 0:
        message = await anext(messages)
        if isinstance(message, LinesWritten):
            lines -= len(message.lines)
            yield message
