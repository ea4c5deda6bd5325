"""An application that must be the only writer of its volume, and the programs that serve it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from signal import SIGKILL
from typing import Self

import httpx
import psutil
from anyio import create_task_group, fail_after, sleep, to_thread
from attrs import define, field, frozen
from tests.acceptance.tools.apps import edit, program, repository_of
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.faults.served.instances import Owner, wait_for_response
from tests.faults.served.resources import marked_processes
from tests.served_instance import ServedInstance

from pushpaka_core.testing.repositories import Repository

LOST = "lost"
"""What `Writer` records for a request without a response."""
_SOURCE = """\
import fcntl
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILES = "{files}"
DATA = "{data}"
VERSION = "v0"


def pause(step):
    while read(step) == VERSION:
        open(FILES + "/reached-" + step, "w").write(VERSION)
        time.sleep(0.05)


def read(name):
    try:
        return open(FILES + "/" + name).read()
    except FileNotFoundError:
        return ""


def stop(*_):
    pause("stopping")
    os._exit(0)


os.makedirs(DATA, exist_ok=True)
lock = open(DATA + "/lock", "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    open(FILES + "/second", "a").write(VERSION + "\\n")
if VERSION == "broken":
    raise SystemExit(1)
print("Starting", VERSION, flush=True)
pause("starting")
signal.signal(signal.SIGTERM, stop)
entries = open(DATA + "/entries", "a")
turn = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = VERSION
        match self.path.split("/")[1:]:
            case ["add", entry]:
                with turn:
                    print(entry, file=entries, flush=True)
                    os.fsync(entries.fileno())
                pause("released")
            case ["open"]:
                pause("holding")
            case ["entries"]:
                body = open(DATA + "/entries").read()
            case ["second"]:
                body = read("second")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


def source_of(files: Path, data: str = "data") -> str:
    """
    Return the source of a program that must be the only user of the directory *data*.

    The program locks a file in *data*, and writes a report to *files* if another program has the
    lock. It pauses at a step while the file in *files* that is named after the step contains the
    program's version.
    """
    return _SOURCE.replace("{files}", str(files)).replace("{data}", data)


@frozen
class Shop:
    """
    A project with a volume for one instance.

    The application locks a file in the volume, and reports in `files` if the lock is taken.
    """

    owner: Person
    project: Json
    repository: Repository
    files: Path

    def change(self, version: str) -> None:
        """Commit another version."""
        old = (self.repository.path / "app.py").read_text().partition('VERSION = "')[2]
        edit(self.repository, "app.py", f'"{old.partition(chr(34))[0]}"', f'"{version}"')

    def pause(self, step: str, version: str) -> None:
        """Let *version* wait at a step, until `resume`."""
        (self.files / step).write_text(version)

    def resume(self, step: str) -> None:
        """Let a version that pauses at *step* continue."""
        (self.files / step).unlink()

    def has_reached(self, step: str, version: str) -> bool:
        """Return True if *version* has waited at a step."""
        reached = self.files / f"reached-{step}"
        return reached.exists() and reached.read_text() == version

    async def active_deployment(self) -> Json:
        """Return the active deployment."""
        listed = await self.owner.ask("GET", f"/deployments?project_id={self.project['id']}")
        running = [one for one in listed["data"] if one["status"] == "running"]
        return dict(max(running, key=lambda one: one["sequence"]))

    @property
    def second_writers(self) -> str:
        """The versions that found the lock taken."""
        found = self.files / "second"
        return found.read_text() if found.exists() else ""


@frozen(kw_only=True)
class Replacement:
    """A deployment, a rollback or a restart of a shop, which replaces its only writer."""

    shop: Shop
    active: Json
    """The deployment that is active before."""
    versions: list[str]
    """The versions before and after, or only one version for a restart."""
    _path: str
    _body: Json | None = None

    @classmethod
    async def prepare(cls, shop: Shop, operation: str) -> Self:
        """Commit or deploy a version that *operation* replaces or rolls back."""
        active, version = await shop.active_deployment(), await shop.owner.read(shop.project)
        path = f"/deployments/{active['id']}/{operation}"
        if operation == "restart":
            return cls(shop=shop, active=active, versions=[version], path=path)
        new = f"v{active['sequence'] + 1}"
        shop.change(new)
        if operation == "rollback":
            active = await shop.owner.deploy(shop.project)
            return cls(shop=shop, active=active, versions=[new, version], path=path)
        body, versions = {"project_id": shop.project["id"]}, [version, new]
        return cls(shop=shop, active=active, versions=versions, path="/deployments", body=body)

    async def request(self) -> None:
        """Request the operation."""
        await self.shop.owner.ask("POST", self._path, self._body)

    async def wait_until_done(self, instance: ServedInstance, pids: set[int]) -> Json:
        """Wait until *pids* are replaced, and return the active deployment."""
        owner, project = self.shop.owner, self.shop.project
        listed = await owner.ask("GET", f"/deployments?project_id={project['id']}")
        newest = dict(max(listed["data"], key=lambda one: one["sequence"]))
        ended = await owner.outcome(newest)
        await wait_for_other_pids(instance, ended, pids)
        await wait_for_response(owner, project, self.versions[-1])
        return ended


@define
class Writer:
    """A visitor who keeps adding entries, and records which of them were confirmed."""

    _owner: Person
    _project: Json
    _http: httpx.AsyncClient
    confirmed: set[str] = field(factory=set, init=False)
    failures: list[str] = field(factory=list, init=False)
    """The responses to all other entries. A connection without a response is "lost"."""
    is_over: bool = field(default=False, init=False)
    _numbers: Iterator[int] = field(factory=count, init=False)

    async def run(self) -> None:
        """Add entries one after another until `is_over`."""
        while not self.is_over:
            entry = f"{id(self)}-{next(self._numbers)}"
            answer = await self.ask(f"/add/{entry}")
            if answer == "200":
                self.confirmed.add(entry)
            else:
                self.failures.append(answer)
            await sleep(0.05)

    async def ask(self, path: str) -> str:
        """Return the status of a response, "503" only with `Retry-After`, or "lost"."""
        url = httpx.URL(self._project["url"])
        address = f"http://127.0.0.1:{self._owner.served_instance.router_port}{path}"
        try:
            response = await self._http.get(address, headers={"Host": url.netloc.decode()})
        except httpx.HTTPError:
            return LOST
        is_invitation = response.status_code == 503 and "Retry-After" in response.headers
        return "invited" if is_invitation else str(response.status_code)


@asynccontextmanager
async def writing(owner: Person, project: Json) -> AsyncIterator[Writer]:
    """Add entries until the block ends."""
    async with httpx.AsyncClient(timeout=90, trust_env=False) as http, create_task_group() as tasks:
        writer = Writer(owner, project, http)
        tasks.start_soon(writer.run)
        yield writer
        writer.is_over = True


@asynccontextmanager
async def open_shop(instance: ServedInstance) -> AsyncIterator[Shop]:
    """Yield a project whose version v0 is active. No second writer may have started."""
    files = instance.new_directory()
    files.chmod(0o777)
    repository = repository_of(files / "repository", program(source_of(files)))
    async with Owner.temporary(instance) as owner:
        project = await owner.project(repository.path)
        volume = {"project_id": project["id"], "name": "data", "mount_path": "data"}
        await owner.ask("POST", "/volumes", volume)
        await owner.deploy(project)
        shop = Shop(owner, project, repository, files)
        yield shop
        assert "" == shop.second_writers


async def wait_until_confirmed(writer: Writer) -> None:
    """Wait until another entry is confirmed."""
    before = len(writer.confirmed)
    with fail_after(PATIENCE):
        while len(writer.confirmed) == before:
            await sleep(0.05)


def kill_program(instance: ServedInstance, name: str) -> None:
    """Kill the program *name* of an instance, but not its shim."""
    for pid in pids_of(instance, name):
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).send_signal(SIGKILL)


def kill_shims(deployment: Json) -> None:
    """Kill the shims of the instances of *deployment*."""
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if "pushpaka_shim" in line and deployment["id"] in line:
            process.send_signal(SIGKILL)


async def wait_for_other_pids(instance: ServedInstance, deployment: Json, before: set[int]) -> None:
    """Wait until *deployment* runs in other processes than *before*."""
    with fail_after(PATIENCE):
        while (
            not (seen := await to_thread.run_sync(pids_of, instance, deployment["id"]))
            or seen & before
        ):
            await sleep(0.1)


def pids_of(instance: ServedInstance, name: str) -> set[int]:
    """Return the ids of the processes whose program name starts with *name*."""
    marked = marked_processes(instance)
    return {pid for pid, found in marked.items() if found.startswith(name)}
