"""A program that serves an API, and writes log lines as requested on stdin."""

import sys
from pathlib import Path
from uuid import UUID

import anyio
from anyio import create_task_group, current_time, sleep_until, to_thread
from attrs import evolve, frozen

from pushpaka_core.bootstrap import open_application
from pushpaka_core.container.application import Application
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.settings.settings import RouterChoice, RuntimeChoice, Settings
from pushpaka_http.app import create_app
from pushpaka_http.cli.server.http_server import open_listener, open_server
from pushpaka_http.middleware.rate_limits import Limits
from pushpaka_http.streaming import frame_limits

LIMITS = Limits(streams_per_user=5000, requests_per_user=100_000)


@frozen
class LogLineRequest:
    """A request to write numbered log lines of some width at some rate."""

    deployment_id: DeploymentId
    first: int
    last: int
    lines_per_second: int
    width: int

    @classmethod
    def parse(cls, text: str) -> "LogLineRequest":
        """Parse a request from a line of stdin."""
        id, *numbers = text.split()  # noqa: A001
        return cls(DeploymentId(UUID(id)), *map(int, numbers))


async def main(directory: str, stall_seconds: str, max_frames: str) -> None:
    """Serve an API, print its port, and write requested lines until the process is killed."""
    # All watchers are one user, and each answers a ping every 20 seconds.
    frame_limits.MAX_FRAMES_PER_MINUTE = int(max_frames)
    stall = float(stall_seconds)
    limits = evolve(LIMITS, stream_write_timeout=stall)
    settings = Settings(
        data_directory=Path(directory), runtime=RuntimeChoice.PROCESS, router=RouterChoice.NONE
    )
    with open_listener("127.0.0.1", 0, write_timeout=stall) as listener:
        async with (
            open_application(settings) as application,
            open_server(create_app(application, limits=limits), listener),
            create_task_group() as speakers,
        ):
            sys.stdout.write(f"{listener.getsockname()[1]}\n")
            sys.stdout.flush()
            while text := await to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
                speakers.start_soon(write_lines, application, LogLineRequest.parse(text))


async def write_lines(application: Application, request: LogLineRequest) -> None:
    """Write the lines of *request* at its rate."""
    begin = current_time()
    async with application.worker_services.log_writer.open(
        request.deployment_id, Redactor()
    ) as log:
        for number in range(request.first, request.last + 1):
            await sleep_until(begin + (number - request.first) / request.lines_per_second)
            await log.write(f"line {number}".ljust(request.width, "."), Phase.RUN)


directory, stall_seconds, max_frames = sys.argv[1:]
anyio.run(main, directory, stall_seconds, max_frames)
