"""Readers of instance output can be killed at any time: no line is lost or repeated."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.logs.logs import LogFilter, LogStream
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.ports.processes import OutputChunk, OutputStream
from pushpaka_core.services.concurrency import background_task
from pushpaka_core.services.logs.deployment_log import DeploymentLog
from pushpaka_core.services.logs.log_batches import BATCH_LINES, LogBuffer
from pushpaka_core.services.logs.output_reader import MAX_CHUNKS_BEHIND
from pushpaka_core.testing.objects.deployments import an_instance
from pushpaka_core.testing.objects.values import NOON
from pushpaka_core.testing.stored_objects import store, store_deployment

_WORDS = [b"a", b"word ", b"\n", b"\r", b"\r\n", b"\n" * 700, b"x" * 9000]
_TEXTS = [*_WORDS, "ü€😀".encode(), b"\xe2\x82", b"\xff", b"correct horse", b"correct h"]
_PIECES = st.lists(st.sampled_from(_TEXTS), max_size=4).map(b"".join)
_PRINTED = st.tuples(st.sampled_from(OutputStream), _PIECES)
_REDACTOR = Redactor.of(["correct horse"])


def run_in_a_new_loop(*run: Any) -> Any:
    """Run a coroutine function in a new thread, which no other test has left an event loop in."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: anyio.run(*run)).result()


def chunks(printed: Sequence[tuple[OutputStream, bytes]]) -> Sequence[OutputChunk]:
    """Return *printed* as output chunks. The position of a chunk is the offset of its end."""
    ends = accumulate(len(data) for _, data in printed)
    return [
        OutputChunk(stream=descriptor, data=data, written_at=NOON, position=f"{end:09}")
        for (descriptor, data), end in zip(printed, ends, strict=True)
    ]


async def logged_after_kills(
    printed: Sequence[OutputChunk], kills: Sequence[tuple[int, bool]]
) -> dict[LogStream, list[str]]:
    """
    Return the log lines of *printed* after the reader was killed repeatedly.

    Each kill is a number of chunks and a flag. The reader is killed after that many chunks, and the
    flag says whether they are committed by then.
    """
    storage = MemoryStorage()
    deployment = await store_deployment(storage)
    await store(storage, an_instance(deployment))
    for number, is_committed in [*kills, (len(printed), True)]:
        batches = LogBuffer(storage, MemoryEventBus(), deployment.id)
        log = DeploymentLog(batches, lambda: NOON, _REDACTOR)
        instance = await stored_instance(storage)
        output = log.open_output(Phase.RUN, instance.id)
        after = output.resume_at(instance.output_position)
        async with background_task(batches.flush_continuously):
            for chunk in [chunk for chunk in printed if chunk.position > after][:number]:
                await output(chunk)
            if is_committed:
                await log.flush()
    output.finish()
    await log.flush()
    return await lines_of(storage, deployment.id)


async def stored_instance(storage: MemoryStorage) -> Instance:
    async with storage.snapshot() as uow:
        (instance,) = await uow.instances.all()
    return instance


async def lines_of(storage: MemoryStorage, id: DeploymentId) -> dict[LogStream, list[str]]:
    async with storage.snapshot() as uow:
        deployment = await uow.deployments.visible_to(PLATFORM).get(id)
        lines = await uow.logs.lines(deployment, LogFilter())
    return {s: [line.message for line in lines if line.stream is s] for s in LogStream}


@settings(max_examples=25)
@given(
    printed=st.lists(_PRINTED, max_size=12),
    kills=st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=4),
)
def test_killing_the_reader_does_not_change_the_log(
    printed: Sequence[tuple[OutputStream, bytes]], kills: Sequence[tuple[int, bool]]
) -> None:
    output = chunks(printed)

    async def read_without_and_with_kills() -> tuple[object, object]:
        return await logged_after_kills(output, []), await logged_after_kills(output, kills)

    undisturbed, killed = run_in_a_new_loop(read_without_and_with_kills)
    assert undisturbed == killed


@settings(max_examples=15)
@given(sizes=st.lists(st.integers(1, 40), min_size=1), kill=st.integers(0, 20))
def test_chunk_sizes_do_not_change_the_lines(sizes: Sequence[int], kill: int) -> None:
    text = "".join(f"line {n}: naïve café\n" for n in range(20)).encode() + b"no end"
    cuts = [0, *(end for end in accumulate(sizes) if end < len(text)), len(text)]
    parts = [text[start:end] for start, end in pairwise(cuts)]

    lines = run_in_a_new_loop(
        logged_after_kills,
        chunks([(OutputStream.STDOUT, part) for part in parts]),
        [(kill, True), (kill, False)],
    )

    assert text.decode().split("\n") == lines[LogStream.STDOUT]


def test_a_chunk_of_many_lines_is_committed_in_parts() -> None:
    text = "".join(f"{n}\n" for n in range(3 * BATCH_LINES)).encode()

    lines = run_in_a_new_loop(
        logged_after_kills, chunks([(OutputStream.STDOUT, text)]), [(1, False), (1, False)]
    )

    assert text.decode().splitlines() == lines[LogStream.STDOUT]


def test_an_unfinished_line_is_written_after_many_chunks() -> None:
    beat = (OutputStream.STDERR, b"beat\n")

    lines = run_in_a_new_loop(
        logged_after_kills,
        chunks([(OutputStream.STDOUT, b"Name? "), *[beat] * (MAX_CHUNKS_BEHIND + 1)]),
        [(MAX_CHUNKS_BEHIND + 2, True)],
    )

    found = (lines[LogStream.STDOUT], len(lines[LogStream.STDERR]))
    assert (["Name? "], MAX_CHUNKS_BEHIND + 1) == found
