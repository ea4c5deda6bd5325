"""What programs print is masked, however they spell a secret and however it comes in pieces."""

import base64
import json
from collections.abc import Container, Iterator, Sequence
from itertools import pairwise
from random import Random
from urllib.parse import quote, quote_plus

import pytest
from anyio import fail_after
from anyio.lowlevel import checkpoint

from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import Deployment, DeploymentId
from pushpaka_core.domain.logs import LogFilter
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.ports.processes import Descriptor, OutputChunk
from pushpaka_core.services import deployment_log
from pushpaka_core.services.deployment_log import PATIENT_ROUNDS, DeploymentLog, ProgramOutput
from pushpaka_core.services.log_batches import LogBatches
from pushpaka_core.services.log_writing import LogWriting
from pushpaka_core.testing.keeping import keep_deployment
from pushpaka_core.testing.objects import NOON, an_id

pytestmark = pytest.mark.anyio

SECRET = 'p"ä ss/w<&>=1+\\2~'
KEY = "-----BEGIN KEY-----\nMC4CAQAwBQYDK2Vw\nBCIEIJtZ\n-----END KEY-----"
OVERLAPPING = ("password", "wordpress")
SECRETS = (SECRET, KEY, *OVERLAPPING)
CHUNKINGS = 10_000


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
async def deployment(storage: MemoryStorage) -> Deployment:
    return await keep_deployment(storage)


def spellings(secret: str) -> Iterator[str]:
    """Yield *secret* as programs print it."""
    raw = secret.encode()
    for escaped in (quote(raw, safe=""), quote_plus(raw), quote(raw, safe="!'()*")):
        yield from (escaped, _in_small_letters(escaped))
    yield json.dumps(secret)
    yield json.dumps(secret, ensure_ascii=False)
    yield json.dumps(secret).replace("/", "\\/")
    for before in (b"", b"u", b"us"):
        yield base64.b64encode(before + raw).decode()
        yield base64.urlsafe_b64encode(before + raw).decode()
    yield raw.hex()
    yield secret


def printed() -> Sequence[str]:
    """Return what talkative builds print."""
    lines = [f"begin\n{s[:3]}={each}; \nend: " for s in SECRETS for each in spellings(s)]
    return [*lines, "begin\npasswordpress is one of them; \nend: "]


def kernels(secret: str) -> set[str]:
    """Return what must be in no text: of base64 that which does not depend on what is beside it."""
    cores = {base64.b64encode(bytes(lead) + secret.encode()).decode()[4:-4] for lead in range(3)}
    lines = {line for line in secret.splitlines() if len(line) >= 6}
    return cores | lines | {quote(secret, safe=""), json.dumps(secret)[1:-1], secret.encode().hex()}


def an_output(redactor: Redactor) -> tuple[DeploymentLog, ProgramOutput]:
    batches = LogBatches(MemoryStorage(), MemoryEventBus(), DeploymentId(an_id()))
    log = DeploymentLog(batches, lambda: NOON, redactor)
    return log, log.output(Phase.BUILD)


def chunk(data: bytes, descriptor: Descriptor = Descriptor.STDOUT) -> OutputChunk:
    return OutputChunk(descriptor=descriptor, data=data, written_at=NOON, position="")


def let_time_pass(output: ProgramOutput) -> None:
    """Have a second go by in which nothing comes."""
    for _ in range(PATIENT_ROUNDS):
        output.release_prompts()


def lines_of(log: DeploymentLog) -> Sequence[str]:
    return [entry.message for entry in log._batches.pending]


async def test_no_secret_is_seen_however_it_comes_in_pieces() -> None:
    """Cut at random places, with and without a pause at them, it is masked in each spelling."""
    random, redactor, texts = Random(8), Redactor.of(SECRETS), printed()  # noqa: S311
    forbidden = set.union(*map(kernels, SECRETS))
    whole = [await _masked(redactor, [text.encode()]) for text in texts]

    for number in range(CHUNKINGS):
        place, printed_bytes = number % len(texts), texts[number % len(texts)].encode()
        cuts = sorted(random.choices(range(len(printed_bytes)), k=random.randrange(1, 6)))
        ends = pairwise([0, *cuts, len(printed_bytes)])
        pieces = [printed_bytes[start:end] for start, end in ends]
        pauses = {random.randrange(6) for _ in range(number % 3)}
        assert whole[place] == await _masked(redactor, pieces, pauses), pieces

    assert [] == [each for each in forbidden for masked in whole if each in masked]
    assert all("***" in masked and masked.endswith("; end: ") for masked in whole)


async def test_each_line_of_a_secret_is_masked_as_it_is_wrapped() -> None:
    """Whether it is printed as it is, or as `base64` breaks it into lines."""
    key = "".join(f"line {number} of a long key\n" for number in range(20))
    log, output = an_output(Redactor.of([key]))
    encoded = base64.b64encode(key.encode()).decode()
    wrapped = "\n".join(encoded[at : at + 76] for at in range(0, len(encoded), 76))

    await output(chunk(f"{key}{wrapped}\n".encode()))

    *lines, last = lines_of(log)
    assert {"***"} == set(lines)
    assert "***" == last.removesuffix(encoded[-3:])


async def test_what_a_log_leaves_out_hides_no_secret() -> None:
    """Without the control characters that are never shown it is a secret all the same."""
    log, output = an_output(Redactor.of(["correct\x07horse"]))

    await output(chunk(b"correct\x07horse corr\x07ecthorse\n"))

    assert ["*** ***"] == list(lines_of(log))


async def test_a_prompt_is_shown_soon(
    storage: MemoryStorage, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line without an end, for which somebody waits, is not held back."""
    monkeypatch.setattr(deployment_log, "PATIENT_ROUNDS", 2)
    writing = LogWriting(storage, MemoryEventBus(), lambda: NOON)
    async with writing.open(deployment.id, Redactor.of(["correct horse"])) as log:
        output = log.output(Phase.RUN)
        await output(chunk(b"Your name? "))
        with fail_after(10):
            while not await _said(storage, deployment):
                await checkpoint()
        await output(chunk(b"Ann\n"))

    assert ["Your name? ", "Ann"] == await _said(storage, deployment)


async def test_what_may_become_a_secret_waits_for_its_end() -> None:
    """It is masked with what comes next, or shown as soon as it cannot be a secret any more."""
    log, output = an_output(Redactor.of(["correct horse"]))

    await output(chunk(b"Say: corr"))
    let_time_pass(output)
    early = lines_of(log)
    await output(chunk(b"ect horse"))
    let_time_pass(output)
    await output(chunk(b" corr"))
    let_time_pass(output)
    await output(chunk(b"ectly"))
    let_time_pass(output)

    assert ["Say: "] == early
    assert ["Say: ", "***", " ", "correctly"] == lines_of(log)


async def test_progress_is_no_prompt_before_its_line_is_over() -> None:
    """A CR may be half of a CR LF, which ends one line and not two."""
    log, output = an_output(Redactor())

    await output(chunk(b"10 %\r"))
    let_time_pass(output)
    await output(chunk(b"\n20 %\n"))

    assert ["10 %", "20 %"] == lines_of(log)


async def _masked(redactor: Redactor, pieces: Sequence[bytes], pauses: Container[int] = ()) -> str:
    """Return what is kept of *pieces*, after some of which nothing comes for a while."""
    log, output = an_output(redactor)
    for number, piece in enumerate(pieces):
        await output(chunk(piece))
        if number in pauses:
            let_time_pass(output)
    output.finish()
    return "".join(lines_of(log))


def _in_small_letters(escaped: str) -> str:
    """Return it with escapes as some programs write them, and all else as it is."""
    first, *others = escaped.split("%")
    return "%".join([first, *(other[:2].lower() + other[2:] for other in others)])


async def _said(storage: MemoryStorage, deployment: Deployment) -> list[str]:
    async with storage.snapshot() as uow:
        lines = await uow.logs.lines(deployment, LogFilter())
    return [line.message for line in lines]
