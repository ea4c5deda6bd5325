"""`pushpaka run`: one-off commands beside a serve, on processes and in containers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import randbelow
from signal import SIGINT, SIGKILL, Signals

import anyio
import psutil
import pytest
from anyio import to_thread
from anyio.abc import Process
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import OWN_ADDRESSES, Json, Person
from tests.engine.engines import containers
from tests.engine.opened import DOCKER
from tests.served import PROGRAM, Served, open_served

from pushpaka_core.adapters.docker.labels import DEPLOYMENT

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.timeout(300)]

_PATIENCE = 180


@pytest.fixture(scope="module", params=["process", DOCKER])
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    settings = OWN_ADDRESSES | {"PUSHPAKA_TEST_TIMING": "fast"}
    async with open_served(**settings, PUSHPAKA_RUNTIME=request.param) as opened:
        yield await opened.start()
        assert "Traceback" not in opened.log


@pytest.fixture(scope="module")
async def ann(served: Served) -> AsyncIterator[Person]:
    async with Person.signed_up(served) as person:
        yield person


@pytest.fixture(scope="module")
async def shop(ann: Person) -> Json:
    """
    A project that serves something with an env var and a limit of its memory.

    Beside it there is one that serves nothing yet.
    """
    await ann.project("https://git.example.com/new.git", "new")
    files = server("v1")
    repository = await to_thread.run_sync(repository_of, ann.served.repositories / "shop", files)
    project = await ann.project(repository.path, "shop", memory_limit=128)
    secret = {"project_id": project["id"], "key": "SECRET", "value": "open sesame"}
    await ann.ask("POST", "/env", secret)
    await ann.deploy(project, patience=_PATIENCE)
    return await ann.ask("GET", f"/projects/{project['id']}")


@pytest.fixture
def sleeper() -> str:
    """A command that nobody else runs, and that does not end by itself."""
    return f"sleep {600 + randbelow(10**6)}"


async def test_it_runs_where_the_release_lies(served: Served, shop: Json) -> None:
    """With its env vars; the output comes apart, and its exit code is that of the command."""
    line = "echo $SECRET; echo $APP_URL; echo oops >&2; ls; exit 7"

    finished = await served.run("run", "shop", line)

    assert (7, "oops\n") == (finished.code, finished.errors)
    assert ["open sesame", shop["url"], "Procfile", "app.py"] == finished.output.split("\n")[:4]


async def test_words_are_arguments(served: Served, shop: Json) -> None:
    """No shell takes them apart, and none of them is an option of ours."""
    program = "import sys; print(sys.argv[1:])"

    finished = await served.run("run", shop["id"], "python3", "-c", program, "--help", "$SECRET 'a")

    assert (0, "['--help', \"$SECRET 'a\"]\n") == (finished.code, finished.output)


@pytest.mark.usefixtures("shop")
async def test_two_dashes_may_stand_before_the_command(served: Served) -> None:
    """As before those of other programs that run one."""
    finished = await served.run("run", "shop", "--", "echo", "--", "$HOME")

    assert (0, "-- $HOME\n") == (finished.code, finished.output)


async def test_its_memory_is_bounded(served: Served, shop: Json) -> None:
    """As that of the application is."""
    finished = await served.run("run", shop["slug"], "python3", "-c", "bytearray(2**30)")

    assert 0 != finished.code
    assert "MemoryError" in finished.errors or "limit of 128 MiB" in finished.errors


async def test_nobody_ends_it_and_it_ends_nobody(ann: Person, shop: Json) -> None:
    """A serve that sweeps meanwhile leaves it alone, and what is served goes on."""
    before = await ann.read(shop, "/pid")

    finished = await ann.served.run("run", "shop", "sleep 5; echo done")

    assert (0, "done\n") == (finished.code, finished.output), finished.errors
    assert before == await ann.read(shop, "/pid")


@pytest.mark.parametrize(("signal", "code"), [(SIGINT, 130), (SIGKILL, -SIGKILL)])
async def test_what_is_ended_leaves_nothing(
    served: Served, shop: Json, sleeper: str, signal: Signals, code: int
) -> None:
    """Ctrl-C ends it with all that it has started; after a kill, serve tidies up."""
    async with _running(served, f"{sleeper} & echo up; {sleeper}") as command:
        with anyio.fail_after(30):
            while len(await to_thread.run_sync(_programs, sleeper)) < 2:
                await anyio.sleep(0.05)
            command.send_signal(signal)
            ended = await command.wait()

    assert code == ended
    with anyio.fail_after(90):
        while await to_thread.run_sync(_left, served, shop, sleeper):
            await anyio.sleep(0.1)


async def test_what_nobody_reads_any_more_is_ended(
    served: Served, shop: Json, sleeper: str
) -> None:
    """As in a pipe whose other end has seen enough."""
    line = f"{sleeper} & while echo up; do sleep 0.01; done"
    pipe = f'"$@" run shop "{line}" | head -1; echo "${{PIPESTATUS[0]}}"'

    with anyio.fail_after(60):
        ended = await anyio.run_process(
            ["bash", "-c", pipe, "bash", *PROGRAM], env=served.environment()
        )

    assert (b"up\n1\n", b"") == (ended.stdout, ended.stderr)
    with anyio.fail_after(90):
        while await to_thread.run_sync(_left, served, shop, sleeper):
            await anyio.sleep(0.1)


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        (("shoop", "true"), {}, "There is no such project."),
        (("new", "true"), {}, "The project new serves nothing yet. Deploy it."),
        (("shop",), {}, "Missing argument 'COMMAND...'"),
        (("shop", " "), {}, "There is no command to run."),
        (("shop", "true"), {"PUSHPAKA_NODE": "other"}, "Applications run on the node "),
    ],
)
@pytest.mark.usefixtures("shop")
async def test_bad_input_is_told(
    served: Served, arguments: tuple[str, ...], settings: dict[str, str], sentence: str
) -> None:
    """It ends with exit code 2 and a sentence."""
    finished = await served.run("run", *arguments, **settings)

    assert (2, "") == (finished.code, finished.output)
    assert sentence in finished.errors
    assert "Traceback" not in finished.errors


@asynccontextmanager
async def _running(served: Served, line: str) -> AsyncIterator[Process]:
    """Run a command that says that it is up, and yield it once it has."""
    async with await anyio.open_process(
        [*PROGRAM, "run", "shop", line], env=served.environment(), stderr=None
    ) as command:
        assert command.stdout is not None
        with anyio.fail_after(60):
            assert b"up\n" == await command.stdout.receive()
        yield command


def _programs(sleeper: str) -> list[int]:
    """Return the ids of the processes that run *sleeper*, in containers too."""
    processes = psutil.process_iter(["cmdline"])
    return [each.pid for each in processes if each.info["cmdline"] == sleeper.split()]


def _left(served: Served, shop: Json, sleeper: str) -> list[object]:
    """Return what there is of a command: programs, directories, locks and containers."""
    kept = [
        *served.data_directory.glob("instances/once-*"),
        *served.data_directory.glob("waiting/*"),
    ]
    others = []
    if served.env["PUSHPAKA_RUNTIME"] == "docker":
        named = containers(**{DEPLOYMENT: shop["current_deployment_id"]})
        others = [one.name for one in named if ".web." not in str(one.name)]
    return [*_programs(sleeper), *kept, *others]
