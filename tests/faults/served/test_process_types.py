"""Every process of a Procfile, and each of its replicas, is kept alive, adopted and heard."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL

import psutil
import pytest
from anyio import fail_after, sleep, to_thread
from tests.acceptance.apps import program, repository_of
from tests.acceptance.people import PATIENCE, Json, Person, messages
from tests.faults.served.holdings import marked, until_tidy
from tests.served import Served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

COUNTER = """\
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count


def count_on():
    for number in count():
        print(sys.argv[1], os.getpid(), number, flush=True)
        time.sleep(0.2)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


if sys.argv[1] == "web":
    threading.Thread(target=count_on, daemon=True).start()
    HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
count_on()
"""
TYPES = ["clock", "web", "web", "worker"]
PROCFILE = "".join(f"{type_}: exec python3 app.py {type_}\n" for type_ in sorted(set(TYPES)))
Counted = Mapping[tuple[str, int], Sequence[int]]


async def test_each_process_is_adopted_with_its_output_and_started_again_when_it_is_killed(
    instance: Served, ann: Person, repositories: Path
) -> None:
    """The same ones go on over a kill of the platform; what is killed itself has a successor."""
    files = program(COUNTER) | {"Procfile": PROCFILE}
    project = await ann.project(repository_of(repositories / "shop", files).path, replicas=2)
    deployment = await ann.deploy(project)
    first = await processes_of(instance, deployment)
    before = await until_counted(ann, deployment, lambda counted: counted.keys() == first)

    await instance.stop(SIGKILL)
    await instance.start()
    await until_counted(ann, deployment, lambda counted: has_gone_on(before, counted))
    adopted = await processes_of(instance, deployment)
    for _, pid in first:
        psutil.Process(pid).kill()
    counted = await until_counted(ann, deployment, lambda counted: len(counted) == 2 * len(TYPES))
    await until_tidy(instance)
    successors = await processes_of(instance, deployment)

    assert TYPES == sorted(type_ for type_, _ in first)
    assert first == adopted
    assert TYPES == sorted(type_ for type_, _ in successors)
    assert counted.keys() == first | successors
    assert all(list(range(len(numbers))) == numbers for numbers in counted.values())


async def processes_of(instance: Served, deployment: Json) -> set[tuple[str, int]]:
    """Return the processes of a deployment: what each one is, and its id."""
    names = await to_thread.run_sync(marked, instance)
    own = {pid: name for pid, name in names.items() if name.startswith(deployment["id"])}
    return {(name.split(".")[2], pid) for pid, name in own.items()}


async def until_counted(
    ann: Person, deployment: Json, is_enough: Callable[[Counted], bool]
) -> Counted:
    """Return, once it is enough, how far the log has each process count."""
    with fail_after(PATIENCE):
        while not is_enough(counted := counts(messages(await ann.log(deployment)))):
            await sleep(0.2)
    return counted


def counts(said: Sequence[str]) -> Counted:
    """Return what each process has counted, in the order in which the log has it."""
    counted = defaultdict(list)
    for words in (line.rpartition(" | ")[2].split() for line in said):
        if len(words) == 3 and words[0] in TYPES:
            counted[words[0], int(words[1])].append(int(words[2]))
    return counted


def has_gone_on(before: Counted, after: Counted) -> bool:
    """Tell whether each process has counted ten further."""
    return all(len(after[each]) > len(numbers) + 10 for each, numbers in before.items())
