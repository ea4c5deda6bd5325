"""
How long do ten small applications take to respond after a kill, a reboot, or `down` and `serve`?

Ten Flask programs run on the process runtime, each in its own virtual environment. Each program
uses one second of CPU time before it listens, like a program with a large framework and many
modules. For the values "by hand", the same ten programs are started at once, as the same users
and without a platform, and the time ends when each responds on its port. The machine has to do this
work with and without a platform.

A request arrives every 50 ms, for each program in turn, whether or not earlier requests have been
answered. After a reboot, the time is measured twice: from the start of `serve`, and from its first
response. The difference is the time in which the platform and its router start.
"""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from signal import SIGKILL
from subprocess import DEVNULL, Popen
from time import perf_counter

import httpx
import psutil
from anyio import Event, create_task_group, fail_after, move_on_after, sleep, to_thread
from attrs import frozen
from benchmarks.deployments import open_person
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Figures, Goal, alternate
from tests.acceptance.tools.apps import EXAMPLES, repository_of
from tests.acceptance.tools.people import Json, Person
from tests.faults.served.resources import all_processes
from tests.served_instance import free_port

from pushpaka_core.adapters.process.supervisor.process_table import MARK

_APP = """\
import os
import time

from flask import Flask

while time.process_time() < 1:
    pass
app = Flask(__name__)


@app.get("/")
def process():
    return str(os.getpid())


app.run(os.environ["HOST"], int(os.environ["PORT"]))
"""
_COUNT = 10
_PAUSE = 0.05
_REST = 2
"""Seconds for the removal of older releases after a deployment."""
_PATIENCE = 300


@frozen(kw_only=True)
class Program:
    """The command that starts an application by hand."""

    argv: Sequence[str]
    directory: str
    env: Mapping[str, str]
    uid: int

    @classmethod
    def of(cls, pid: int) -> "Program":
        """Read the command from a running process."""
        process = psutil.Process(pid)
        return cls(
            argv=process.cmdline(),
            directory=process.cwd(),
            # With the mark of the platform, the process would be killed as an orphan.
            env={name: value for name, value in process.environ().items() if name != MARK},
            uid=process.uids().real,
        )

    def start(self, port: int) -> Popen[bytes]:
        """Start the program on another port."""
        user = self.uid if os.geteuid() == 0 else None
        return Popen(
            self.argv,
            cwd=self.directory,
            env={**self.env, "PORT": str(port)},
            user=user,
            stdout=DEVNULL,
            stderr=DEVNULL,
        )


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Stop all applications in three ways, alternating with starts by hand."""
    count = run_options.amount(_COUNT, 2)
    async with open_person("process") as ann:
        projects = [await _deployed(ann, number) for number in range(count)]
        turns = {
            OURS: partial(_ours, ann, projects),
            "by hand": partial(_by_hand, ann, projects),
        }
        samples = await alternate(turns, run_options.rounds_of(5))
    what = {
        "one": "one that was killed",
        "rebooted": f"{count} after a reboot, since serve answers",
        "rebooted in all": f"{count} after a reboot, since serve was started",
        "down": f"{count} after down, since serve answers",
        "down in all": f"{count} after down, since serve was started",
    }
    goal = Goal(ratio=1.3)
    return [
        Comparison.of(samples, figure, what=text, unit="s", goal=goal)
        for figure, text in what.items()
    ]


async def _deployed(person: Person, number: int) -> Json:
    name = f"app-{number}"
    requirements = (EXAMPLES / "flask" / "requirements.txt").read_text()
    files = {"app.py": _APP, "requirements.txt": requirements, "Procfile": "web: python app.py\n"}
    repository = repository_of(person.served_instance.repositories / name, files)
    # A rollback window would require a second health check, one second after the first.
    project = await person.project(repository.path, name, rollback_window=0)
    await person.deploy(project)
    return project


async def _ours(person: Person, projects: Sequence[Json]) -> Figures:
    served = person.served_instance
    await _redeploy(person, projects[:1])
    pid = await person.read(projects[0])
    killed = perf_counter()
    os.kill(int(pid), SIGKILL)
    await _wait_until_answered(partial(_is_another, person, projects[0], pid))
    one = perf_counter() - killed

    await _redeploy(person, projects)
    await served.stop(SIGKILL)
    for process in await to_thread.run_sync(all_processes, served):
        process.kill()
    rebooted, rebooted_in_all = await _recovery_times(person, projects)

    await _redeploy(person, projects)
    await served.stop()
    down = await served.run("down")
    if down.code:
        raise RuntimeError(down.errors)
    stopped, stopped_in_all = await _recovery_times(person, projects)
    return {
        "one": one,
        "rebooted": rebooted,
        "rebooted in all": rebooted_in_all,
        "down": stopped,
        "down in all": stopped_in_all,
    }


async def _redeploy(person: Person, projects: Sequence[Json]) -> None:
    """
    Deploy again, because a process that exited in the last ten minutes is restarted with a
    delay.
    """
    for project in projects:
        await person.deploy(project)
    await sleep(_REST)


async def _recovery_times(person: Person, projects: Sequence[Json]) -> tuple[float, float]:
    begun = perf_counter()
    await person.served_instance.start()
    answering = perf_counter()
    await _all_answered([partial(_is_up, person, project) for project in projects])
    ended = perf_counter()
    return ended - answering, ended - begun


async def _by_hand(person: Person, projects: Sequence[Json]) -> Figures:
    # Read the programs in each round, because the directories of older releases are removed.
    programs = [Program.of(int(await person.read(project))) for project in projects]
    one = await _started(programs[:1])
    # A reboot leaves no process of either side, so the same value serves for each of them.
    many = await _started(programs)
    kinds = ("rebooted", "rebooted in all", "down", "down in all")
    return {"one": one, **dict.fromkeys(kinds, many)}


async def _started(programs: Sequence[Program]) -> float:
    ports = [free_port() for _ in programs]
    begun = perf_counter()
    running = [program.start(port) for program, port in zip(programs, ports, strict=True)]
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            await _all_answered([partial(_is_at, client, port) for port in ports])
        return perf_counter() - begun
    finally:
        for process in running:
            process.kill()
            process.wait()


async def _all_answered(looks: Sequence[Callable[[], Awaitable[bool]]]) -> None:
    async with create_task_group() as waiting:
        for look in looks:
            waiting.start_soon(_wait_until_answered, look, _PAUSE * len(looks))


async def _wait_until_answered(look: Callable[[], Awaitable[bool]], pause: float = _PAUSE) -> None:
    """Return when one of many requests succeeds, because the router delays some of them."""
    done = Event()

    async def visit() -> None:
        if await look():
            done.set()

    with fail_after(_PATIENCE):
        async with create_task_group() as visitors:
            while not done.is_set():
                visitors.start_soon(visit)
                with move_on_after(pause):
                    await done.wait()
            visitors.cancel_scope.cancel()


async def _is_up(person: Person, project: Json) -> bool:
    return (await person.visit(project["url"])).is_success


async def _is_another(person: Person, project: Json, pid: str) -> bool:
    answer = await person.visit(project["url"])
    return answer.is_success and answer.text != pid


async def _is_at(client: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://127.0.0.1:{port}/")).is_success
    except httpx.TransportError:
        return False
