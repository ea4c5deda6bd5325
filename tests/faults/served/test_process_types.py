"""All processes of a Procfile and their replicas are restarted, adopted and logged."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil
import pytest
from anyio import fail_after, sleep, to_thread
from tests.acceptance.tools.apps import program, repository_of
from tests.acceptance.tools.people import PATIENCE, Json, Person, messages
from tests.faults.served.instances import restart, wait_for_response
from tests.faults.served.resources import marked_processes, wait_until_cleaned_up
from tests.served_instance import ServedInstance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

COUNTER = """\
import os, sys, threading, time
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
        self.wfile.write(b"counting")

    def log_message(self, *_):
        pass


if sys.argv[1] == "web":
    threading.Thread(target=count_on, daemon=True).start()
    HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
count_on()
"""
TYPES = ["clock", "web", "web", "worker"]
PROCFILE = "".join(f"{type_}: exec python3 app.py {type_}\n" for type_ in sorted(set(TYPES)))
Counts = Mapping[tuple[str, int], Sequence[int]]
"""The numbers that processes have logged, by process type and process id."""


async def test_processes_are_adopted_with_their_output_and_replaced_when_killed(
    instance: ServedInstance, ann: Person, repositories: Path
) -> None:
    """F34: if serve is killed, the processes keep running. A killed process is replaced."""
    files = program(COUNTER) | {"Procfile": PROCFILE}
    project = await ann.project(repository_of(repositories / "shop", files).path, replicas=2)
    deployment = await ann.deploy(project)
    first = await processes_of(instance, deployment)
    before = await wait_for_counts(ann, deployment, lambda counts: counts.keys() == first)

    await restart(instance)
    await wait_for_counts(ann, deployment, lambda counts: all_have_continued(before, counts))
    adopted = await processes_of(instance, deployment)
    for _, pid in first:
        psutil.Process(pid).kill()
    counts = await wait_for_counts(ann, deployment, lambda counts: len(counts) == 2 * len(TYPES))
    await wait_for_response(ann, project, "counting")
    await wait_until_cleaned_up(instance)
    successors = await processes_of(instance, deployment)

    assert TYPES == sorted(type_ for type_, _ in first)
    assert first == adopted
    assert TYPES == sorted(type_ for type_, _ in successors)
    assert counts.keys() == first | successors
    assert all(list(range(len(numbers))) == numbers for numbers in counts.values())


async def processes_of(instance: ServedInstance, deployment: Json) -> set[tuple[str, int]]:
    """Return the type and id of each process of a deployment."""
    names = await to_thread.run_sync(marked_processes, instance)
    own = {pid: name for pid, name in names.items() if name.startswith(deployment["id"])}
    return {(name.split(".")[2], pid) for pid, name in own.items()}


async def wait_for_counts(
    person: Person, deployment: Json, is_enough: Callable[[Counts], bool]
) -> Counts:
    """Wait until *is_enough* accepts the numbers in the log, and return them."""
    with fail_after(PATIENCE):
        while not is_enough(counts := counts_in(messages(await person.log(deployment)))):
            await sleep(0.2)
    return counts


def counts_in(lines: Sequence[str]) -> Counts:
    counts = defaultdict(list)
    for words in (line.rpartition(" | ")[2].split() for line in lines):
        if len(words) == 3 and words[0] in TYPES:
            counts[words[0], int(words[1])].append(int(words[2]))
    return counts


def all_have_continued(before: Counts, after: Counts) -> bool:
    return all(len(after[each]) > len(numbers) + 10 for each, numbers in before.items())
