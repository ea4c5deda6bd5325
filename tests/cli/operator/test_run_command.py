"""Tests `pushpaka run`: one-off commands next to `serve`, as processes and in containers."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import randbelow
from signal import SIGINT, SIGKILL, SIGTERM, Signals

import anyio
import psutil
import pytest
from anyio import to_thread
from anyio.abc import Process
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.people import OWN_ADDRESSES, Json, Person
from tests.cli.operator.operators import Operator
from tests.engine.engines import containers
from tests.engine.opened import DOCKER
from tests.served_instance import PROGRAM, ServedInstance, open_served

from pushpaka_core.adapters.docker.labels import DEPLOYMENT

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.timeout(300)]

_PATIENCE = 180


@pytest.fixture(scope="module", params=["process", DOCKER])
async def served_instance(request: pytest.FixtureRequest) -> AsyncIterator[ServedInstance]:
    settings = OWN_ADDRESSES | {"PUSHPAKA_TEST_TIMING": "fast"}
    async with open_served(**settings, PUSHPAKA_RUNTIME=request.param) as opened:
        yield await opened.start()
        assert "Traceback" not in opened.log


@pytest.fixture(scope="module")
async def ann(served_instance: ServedInstance) -> AsyncIterator[Person]:
    async with Person.sign_up(served_instance) as person:
        yield person


@pytest.fixture(scope="module")
async def shop(ann: Person) -> Json:
    """Return a project with an active deployment, an environment variable and a memory limit.

    Another project, `new`, has no active deployment.
    """
    await ann.project("https://git.example.com/new.git", "new")
    files = server("v1")
    repository = await to_thread.run_sync(
        repository_of, ann.served_instance.repositories / "shop", files
    )
    project = await ann.project(repository.path, "shop", memory_limit=128)
    secret = {"project_id": project["id"], "key": "SECRET", "value": "open sesame"}
    await ann.ask("POST", "/env", secret)
    await ann.deploy(project, patience=_PATIENCE)
    return await ann.ask("GET", f"/projects/{project['id']}")


@pytest.fixture
def sleep_command() -> str:
    """Return a command that no other test runs, and that runs until it is stopped."""
    return f"sleep {600 + randbelow(10**6)}"


async def test_a_command_runs_in_the_directory_of_the_release(
    served_instance: ServedInstance, shop: Json
) -> None:
    """The environment variables are set. The output, the errors and the exit code are passed on."""
    line = "echo $SECRET; echo $APP_URL; echo oops >&2; ls; exit 7"

    finished = await served_instance.run("run", "shop", line)

    assert (7, "oops\n") == (finished.code, finished.errors)
    assert ["open sesame", shop["url"], "Procfile", "app.py"] == finished.output.split("\n")[:4]


async def test_several_words_are_run_as_a_program_with_arguments(
    served_instance: ServedInstance, shop: Json
) -> None:
    """No shell expands the words, and `pushpaka run` parses none of them as an option."""
    program = "import sys; print(sys.argv[1:])"

    finished = await served_instance.run(
        "run", shop["id"], "--", "python3", "-c", program, "--", "--help", "$SECRET 'a"
    )

    assert (0, "['--', '--help', \"$SECRET 'a\"]\n") == (finished.code, finished.output)


async def test_a_command_has_the_memory_limit_of_the_application(
    served_instance: ServedInstance, shop: Json
) -> None:
    """A command that exceeds the limit fails."""
    finished = await served_instance.run("run", shop["slug"], "python3", "-c", "bytearray(2**30)")

    assert 0 != finished.code
    assert "MemoryError" in finished.errors or "limit of 128 MiB" in finished.errors


async def test_serve_removes_only_commands_that_were_killed(
    ann: Person, shop: Json, sleep_command: str
) -> None:
    """Running commands and the application are not affected."""
    served, killed, before = ann.served_instance, f"{sleep_command}0", await ann.read(shop, "/pid")

    async with _run_until_up(served, f"echo up; {sleep_command}; echo done") as command:
        assert command.stdout
        ours = set(await to_thread.run_sync(_leftovers, served, shop, killed))
        async with _run_until_up(served, f"echo up; {killed}") as other:
            other.kill()
        with anyio.fail_after(90):
            while ours != set(await to_thread.run_sync(_leftovers, served, shop, killed)):
                await anyio.sleep(0.1)
        (pid,) = await to_thread.run_sync(_programs, sleep_command)
        os.kill(pid, SIGTERM)
        with anyio.fail_after(60):
            ended = b"".join([chunk async for chunk in command.stdout]), await command.wait()

    assert (b"done\n", 0) == ended
    assert before == await ann.read(shop, "/pid")


@pytest.mark.parametrize(("signal", "code"), [(SIGINT, 130), (SIGKILL, -SIGKILL)])
async def test_an_ended_command_leaves_nothing(
    served_instance: ServedInstance, shop: Json, sleep_command: str, signal: Signals, code: int
) -> None:
    """Ctrl-C ends the command with its child processes. If it is killed, `serve` ends them."""
    async with _run_until_up(
        served_instance, f"{sleep_command} & echo up; {sleep_command}"
    ) as command:
        with anyio.fail_after(30):
            while len(await to_thread.run_sync(_programs, sleep_command)) < 2:
                await anyio.sleep(0.05)
            command.send_signal(signal)
            ended = await command.wait()

    assert code == ended
    with anyio.fail_after(90):
        while await to_thread.run_sync(_leftovers, served_instance, shop, sleep_command):
            await anyio.sleep(0.1)


async def test_a_closed_pipe_ends_the_command(
    served_instance: ServedInstance, shop: Json, sleep_command: str
) -> None:
    """`head -1` closes the pipe after it has read the first line."""
    line = f"{sleep_command} & while echo up; do sleep 0.01; done"
    pipe = f'"$@" run shop "{line}" | head -1; echo "${{PIPESTATUS[0]}}"'

    with anyio.fail_after(60):
        ended = await anyio.run_process(
            ["bash", "-c", pipe, "bash", *PROGRAM], env=served_instance.environment()
        )

    assert (b"up\n1\n", b"") == (ended.stdout, ended.stderr)
    with anyio.fail_after(90):
        while await to_thread.run_sync(_leftovers, served_instance, shop, sleep_command):
            await anyio.sleep(0.1)


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        (("shoop", "true"), {}, "There is no such project, or you do not have access to it."),
        (("new", "true"), {}, "The project new has no active deployment. Deploy it first."),
        (("shop",), {}, "Missing argument 'COMMAND...'"),
        (("shop", " "), {}, "The command is empty."),
        (("shop", "true"), {"PUSHPAKA_NODE": "other"}, "The applications run on the node "),
    ],
)
@pytest.mark.usefixtures("anyio_backend", "shop")
def test_bad_input_is_refused(
    served_instance: ServedInstance,
    arguments: tuple[str, ...],
    settings: dict[str, str],
    sentence: str,
) -> None:
    """The error explains the problem, and the exit code is 2."""
    operator = Operator(directory=served_instance.directory, env=served_instance.environment())

    assert sentence in operator.run_refused("run", *arguments, **settings)


@asynccontextmanager
async def _run_until_up(served_instance: ServedInstance, line: str) -> AsyncIterator[Process]:
    """Run a command, and yield its process once it has printed "up"."""
    async with await anyio.open_process(
        [*PROGRAM, "run", "shop", line], env=served_instance.environment(), stderr=None
    ) as command:
        assert command.stdout is not None
        with anyio.fail_after(60):
            assert b"up\n" == await command.stdout.receive()
        yield command


def _programs(sleep_command: str) -> list[int]:
    """Return the ids of the processes that run *sleep_command*, including those in containers."""
    processes = psutil.process_iter(["cmdline"])
    return [each.pid for each in processes if each.info["cmdline"] == sleep_command.split()]


def _leftovers(served_instance: ServedInstance, shop: Json, sleep_command: str) -> list[object]:
    """Return the leftovers of a command: processes, directories, locks and containers."""
    kept = [
        *served_instance.data_directory.glob("instances/once-*"),
        *served_instance.data_directory.glob("waiting/*"),
    ]
    others = []
    if served_instance.env["PUSHPAKA_RUNTIME"] == "docker":
        named = containers(**{DEPLOYMENT: shop["current_deployment_id"]})
        others = [one.name for one in named if ".web." not in str(one.name)]
    return [*_programs(sleep_command), *kept, *others]
