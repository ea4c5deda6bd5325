"""Secrets in program output are masked, in every encoding and however the output is split."""

import base64
import json
from collections.abc import Container, Iterator, Sequence
from itertools import pairwise
from random import Random
from urllib.parse import quote, quote_plus

import pytest
from anyio import fail_after, sleep

from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.logs import LogFilter
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.ports.processes import OutputChunk, OutputStream
from pushpaka_core.services.logs import deployment_log
from pushpaka_core.services.logs.deployment_log import QUIET_ROUNDS, DeploymentLog, ProgramOutput
from pushpaka_core.services.logs.log_batches import LogBuffer
from pushpaka_core.services.logs.log_writer import LogWriter
from pushpaka_core.testing.objects.values import NOON, an_id
from pushpaka_core.testing.stored_objects import store_deployment

pytestmark = pytest.mark.anyio

SECRET = 'p"ä ss/w<&>=1+\\2~'
KEY = "-----BEGIN KEY-----\nMC4CAQAwBQYDK2Vw\nBCIEIJtZ\n-----END KEY-----"
OVERLAPPING = ("password", "wordpress")
SECRETS = (SECRET, KEY, *OVERLAPPING)
SPLITS = 2_000


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
async def deployment(storage: MemoryStorage) -> Deployment:
    return await store_deployment(storage)


def encodings_of(secret: str) -> Iterator[str]:
    """Yield *secret* in each encoding in which programs might print it."""
    raw = secret.encode()
    for escaped in (quote(raw, safe=""), quote_plus(raw), quote(raw, safe="!'()*")):
        yield from (escaped, _with_lower_case_escapes(escaped))
    yield json.dumps(secret)
    yield json.dumps(secret, ensure_ascii=False)
    yield json.dumps(secret).replace("/", "\\/")
    for before in (b"", b"u", b"us"):
        yield base64.b64encode(before + raw).decode()
        yield base64.urlsafe_b64encode(before + raw).decode()
    yield raw.hex()
    yield secret


def build_outputs() -> Sequence[str]:
    """Return build outputs that contain each secret in each encoding."""
    lines = [f"begin\n{s[:3]}={each}; \nend: " for s in SECRETS for each in encodings_of(s)]
    return [*lines, "begin\npasswordpress is one of them; \nend: "]


def forbidden_texts(secret: str) -> set[str]:
    """
    Return the forms of *secret* that must not appear in a log.

    The characters at both ends of a base64 text depend on adjacent text, so they are left out.
    """
    cores = {base64.b64encode(bytes(lead) + secret.encode()).decode()[4:-4] for lead in range(3)}
    lines = {line for line in secret.splitlines() if len(line) >= 6}
    return cores | lines | {quote(secret, safe=""), json.dumps(secret)[1:-1], secret.encode().hex()}


def open_output(redactor: Redactor) -> tuple[DeploymentLog, ProgramOutput]:
    batches = LogBuffer(MemoryStorage(), MemoryEventBus(), DeploymentId(an_id()))
    log = DeploymentLog(batches, lambda: NOON, redactor)
    return log, log.open_output(Phase.BUILD)


def chunk(data: bytes, output_stream: OutputStream = OutputStream.STDOUT) -> OutputChunk:
    return OutputChunk(stream=output_stream, data=data, written_at=NOON, position="")


def let_a_second_pass(output: ProgramOutput) -> None:
    """Act as if a second passed without output."""
    for _ in range(QUIET_ROUNDS):
        output.flush_prompts()


def lines_of(log: DeploymentLog) -> Sequence[str]:
    return [entry.message for entry in log._batches.pending]


async def test_secrets_are_masked_across_chunks() -> None:
    random, redactor, texts = Random(8), Redactor.of(SECRETS), build_outputs()  # noqa: S311
    forbidden = set.union(*map(forbidden_texts, SECRETS))
    whole = [await _masked_lines(redactor, [text.encode()]) for text in texts]

    for number in range(SPLITS):
        place, printed_bytes = number % len(texts), texts[number % len(texts)].encode()
        cuts = sorted(random.choices(range(len(printed_bytes)), k=random.randrange(1, 6)))
        ends = pairwise([0, *cuts, len(printed_bytes)])
        pieces = [printed_bytes[start:end] for start, end in ends]
        pause_indexes = {random.randrange(6) for _ in range(number % 3)}
        assert whole[place] == await _masked_lines(redactor, pieces, pause_indexes), pieces

    assert [] == [each for each in forbidden for masked in whole if each in masked]
    assert all("***" in masked and masked.endswith("; end: ") for masked in whole)


async def test_wrapped_base64_of_a_secret_is_masked() -> None:
    key = "".join(f"line {number} of a long key\n" for number in range(20))
    log, output = open_output(Redactor.of([key]))
    encoded = base64.b64encode(key.encode()).decode()
    wrapped = "\n".join(encoded[at : at + 76] for at in range(0, len(encoded), 76))

    await output(chunk(f"{key}{wrapped}\n".encode()))

    *lines, last = lines_of(log)
    assert {"***"} == set(lines)
    assert "***" == last.removesuffix(encoded[-3:])


async def test_secrets_with_control_characters_are_masked() -> None:
    log, output = open_output(Redactor.of(["correct\x07horse"]))

    await output(chunk(b"correct\x07horse corr\x07ecthorse\n"))

    assert ["*** ***"] == list(lines_of(log))


async def test_a_prompt_without_line_end_is_shown_after_a_second(
    storage: MemoryStorage, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment_log, "QUIET_ROUNDS", 2)
    writing = LogWriter(storage, MemoryEventBus(), lambda: NOON)
    async with writing.open(deployment.id, Redactor.of(["correct horse"])) as log:
        output = log.open_output(Phase.RUN)
        await output(chunk(b"Your name? "))
        with fail_after(10):
            while not await _log_lines(storage, deployment):
                await sleep(0.01)
        await output(chunk(b"Ann\n"))

    assert ["Your name? ", "Ann"] == await _log_lines(storage, deployment)


async def test_a_possible_start_of_a_secret_is_held_back() -> None:
    log, output = open_output(Redactor.of(["correct horse"]))

    await output(chunk(b"Say: corr"))
    let_a_second_pass(output)
    early = lines_of(log)
    await output(chunk(b"ect horse"))
    let_a_second_pass(output)
    await output(chunk(b" corr"))
    let_a_second_pass(output)
    await output(chunk(b"ectly"))
    let_a_second_pass(output)

    assert ["Say: "] == early
    assert ["Say: ", "***", " ", "correctly"] == lines_of(log)


async def test_a_growing_line_is_not_shown_as_a_prompt() -> None:
    log, output = open_output(Redactor())

    await output(chunk(b"10 %\r"))
    let_a_second_pass(output)
    await output(chunk(b"\n20 %\n"))

    assert ["10 %", "20 %"] == lines_of(log)


async def _masked_lines(
    redactor: Redactor, pieces: Sequence[bytes], pause_indexes: Container[int] = ()
) -> str:
    """Return the log of output in *pieces*, with a pause after those in *pause_indexes*."""
    log, output = open_output(redactor)
    for number, piece in enumerate(pieces):
        await output(chunk(piece))
        if number in pause_indexes:
            let_a_second_pass(output)
    output.finish()
    return "".join(lines_of(log))


def _with_lower_case_escapes(escaped: str) -> str:
    """Return *escaped* with lowercase percent escapes, as some programs write them."""
    first, *others = escaped.split("%")
    return "%".join([first, *(other[:2].lower() + other[2:] for other in others)])


async def _log_lines(storage: MemoryStorage, deployment: Deployment) -> list[str]:
    async with storage.snapshot() as uow:
        lines = await uow.logs.lines(deployment, LogFilter())
    return [line.message for line in lines]
