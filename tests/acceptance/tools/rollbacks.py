"""Kills releases, so that they are rolled back automatically."""

import os
from contextlib import suppress
from signal import SIGKILL

from anyio import fail_after, sleep, to_thread
from tests.acceptance.tools.apps import program
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.acceptance.tools.traces import processes_with

_SERVER = """\
import os
from http.server import HTTPServer, SimpleHTTPRequestHandler
HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), SimpleHTTPRequestHandler).serve_forever()
"""


def app_with_mark(mark: str) -> dict[str, str]:
    """Return the files of an application whose command line contains *mark*."""
    return {**program(_SERVER), "Procfile": f"web: exec python3 app.py {mark}\n"}


async def kill_until_rolled_back(person: Person, deployment: Json, mark: str) -> Json:
    """Kill the application with *mark* until its deployment fails, and return the deployment."""
    address = f"/deployments/{deployment['id']}"
    with fail_after(PATIENCE):
        while "failed" != (seen := await person.ask("GET", address))["status"]:
            for process in await to_thread.run_sync(processes_with, f"python3 app.py {mark}"):
                with suppress(ProcessLookupError):
                    os.kill(process.pid, SIGKILL)
            await sleep(0.1)
    return seen
