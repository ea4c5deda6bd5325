"""An API in a process of its own, whose deployments say what is asked for on its stdin."""

import socket
import sys
from pathlib import Path
from uuid import UUID

import anyio
import uvicorn
from anyio import create_task_group, sleep, to_thread

from pushpaka_core.application import Application
from pushpaka_core.bootstrap import open_application
from pushpaka_core.domain.deployments import DeploymentId, Phase
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.settings import RouterChoice, Settings
from pushpaka_http.app import create_app
from pushpaka_http.rate_limits import Limits

LINES_A_SECOND = 50
LIMITS = Limits(watchers_per_user=5000, requests_per_user=100_000)


async def main(directory: str) -> None:
    """Serve until the process is killed, and print the port."""
    settings = Settings(data_directory=Path(directory), router=RouterChoice.NONE)
    async with open_application(settings) as application, create_task_group() as tasks:
        listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        app = create_app(application, limits=LIMITS)
        config = uvicorn.Config(app, http="h11", ws="wsproto", log_config=None, access_log=False)
        tasks.start_soon(uvicorn.Server(config).serve, [listener])
        tasks.start_soon(obey, application)
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()


async def obey(application: Application) -> None:
    """Read orders, each a deployment and the first and last number that it says."""
    while order := await to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
        deployment, first, last = order.split()
        id = DeploymentId(UUID(deployment))  # noqa: A001
        async with application.engine.log_writing.open(id, Redactor()) as log:
            for number in range(int(first), int(last) + 1):
                await log.say(f"line {number}", Phase.RUN)
                await sleep(1 / LINES_A_SECOND)


anyio.run(main, sys.argv[1])
