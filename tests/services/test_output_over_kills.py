"""The output of an instance over kills of the platform: no line is lost, none doubled."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.instances import Instance
from pushpaka_core.domain.logs import LogFilter, LogStream
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.ports.processes import Descriptor, OutputChunk
from pushpaka_core.services.background import alongside
from pushpaka_core.services.deployment_log import DeploymentLog
from pushpaka_core.services.log_batches import BATCH_LINES, LogBatches
from pushpaka_core.services.output_reading import MOST_CHUNKS_BEHIND
from pushpaka_core.testing.keeping import keep, keep_deployment
from pushpaka_core.testing.objects import NOON, an_instance

_WORDS = [b"a", b"word ", b"\n", b"\r", b"\r\n", b"\n" * 700, b"x" * 9000]
_TEXTS = [*_WORDS, "ü€😀".encode(), b"\xe2\x82", b"\xff", b"correct horse", b"correct h"]
_PRINTED = st.tuples(st.sampled_from(Descriptor), st.lists(st.sampled_from(_TEXTS)).map(b"".join))
_REDACTOR = Redactor.of(["correct horse"])


def on_a_loop_of_its_own(*run: Any) -> Any:
    """Run where no other test has left an event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: anyio.run(*run)).result()


def chunks(printed: Sequence[tuple[Descriptor, bytes]]) -> Sequence[OutputChunk]:
    """Return what was printed as chunks; a position counts the bytes up to there."""
    ends = accumulate(len(data) for _, data in printed)
    return [
        OutputChunk(descriptor=descriptor, data=data, written_at=NOON, position=f"{end:09}")
        for (descriptor, data), end in zip(printed, ends, strict=True)
    ]


async def printed_by_an_instance(
    printed: Sequence[OutputChunk], kills: Sequence[tuple[int, bool]]
) -> dict[LogStream, list[str]]:
    """
    Return the lines of *printed*, with the reader killed over and over.

    A kill comes after so many chunks, and before or after the last of it was committed.
    """
    storage = MemoryStorage()
    deployment = await keep_deployment(storage)
    await keep(storage, an_instance(deployment))
    for number, is_committed in [*kills, (len(printed), True)]:
        batches = LogBatches(storage, MemoryEventBus(), deployment.id)
        log = DeploymentLog(batches, lambda: NOON, _REDACTOR)
        instance = await the_instance(storage)
        output = log.output(Phase.RUN, instance.id)
        after = output.begin_at(instance.output_position)
        async with alongside(batches.flush_often):
            for chunk in [chunk for chunk in printed if chunk.position > after][:number]:
                await output(chunk)
            if is_committed:
                await log.flush()
    output.finish()
    await log.flush()
    return await lines_of(storage, deployment.id)


async def the_instance(storage: MemoryStorage) -> Instance:
    async with storage.snapshot() as uow:
        (instance,) = await uow.instances.all()
    return instance


async def lines_of(storage: MemoryStorage, id: DeploymentId) -> dict[LogStream, list[str]]:
    async with storage.snapshot() as uow:
        deployment = await uow.deployments.visible_to(PLATFORM).get(id)
        lines = await uow.logs.lines(deployment, LogFilter())
    return {s: [line.message for line in lines if line.stream is s] for s in LogStream}


@settings(max_examples=60)
@given(
    printed=st.lists(_PRINTED, max_size=12),
    kills=st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=4),
)
def test_a_killed_reader_leaves_no_trace_in_the_log(
    printed: Sequence[tuple[Descriptor, bytes]], kills: Sequence[tuple[int, bool]]
) -> None:
    """However output is cut into chunks and whenever the reader dies, the lines are the same."""
    output = chunks(printed)

    undisturbed = on_a_loop_of_its_own(printed_by_an_instance, output, [])
    killed = on_a_loop_of_its_own(printed_by_an_instance, output, kills)

    assert undisturbed == killed


@settings(max_examples=30)
@given(sizes=st.lists(st.integers(1, 40), min_size=1), kill=st.integers(0, 20))
def test_every_way_to_cut_gives_the_same_lines(sizes: Sequence[int], kill: int) -> None:
    """A line over many chunks comes whole, also when the reader dies in its middle."""
    text = "".join(f"line {n}: naïve café\n" for n in range(20)).encode() + b"no end"
    cuts = [0, *(end for end in accumulate(sizes) if end < len(text)), len(text)]
    parts = [text[start:end] for start, end in pairwise(cuts)]

    lines = on_a_loop_of_its_own(
        printed_by_an_instance,
        chunks([(Descriptor.STDOUT, part) for part in parts]),
        [(kill, True), (kill, False)],
    )

    assert text.decode().split("\n") == lines[LogStream.STDOUT]


def test_a_chunk_of_many_lines_is_committed_in_parts() -> None:
    """A kill between two batches of one chunk doubles none of its lines."""
    text = "".join(f"{n}\n" for n in range(3 * BATCH_LINES)).encode()

    lines = on_a_loop_of_its_own(
        printed_by_an_instance, chunks([(Descriptor.STDOUT, text)]), [(1, False), (1, False)]
    )

    assert text.decode().splitlines() == lines[LogStream.STDOUT]


def test_a_prompt_without_end_does_not_hold_back_for_ever() -> None:
    """Where the other output goes on and on, an unfinished line is written as it is."""
    beat = (Descriptor.STDERR, b"beat\n")

    lines = on_a_loop_of_its_own(
        printed_by_an_instance,
        chunks([(Descriptor.STDOUT, b"Name? "), *[beat] * (MOST_CHUNKS_BEHIND + 1)]),
        [(MOST_CHUNKS_BEHIND + 2, True)],
    )

    assert (["Name? "], MOST_CHUNKS_BEHIND + 1) == (
        lines[LogStream.STDOUT],
        len(lines[LogStream.STDERR]),
    )
