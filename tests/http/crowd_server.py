"""An API in a process of its own, whose deployments say what is asked for on its stdin."""

import sys
from pathlib import Path
from uuid import UUID

import anyio
from anyio import create_task_group, current_time, sleep_until, to_thread
from attrs import evolve, frozen

from pushpaka_core.application import Application
from pushpaka_core.bootstrap import open_application
from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.settings import RouterChoice, RuntimeChoice, Settings
from pushpaka_http.app import create_app
from pushpaka_http.cli.http_server import listening, serving
from pushpaka_http.rate_limits import Limits

LIMITS = Limits(watchers_per_user=5000, requests_per_user=100_000)


@frozen
class Order:
    """What a deployment is to say: numbered lines, so many a second, so wide."""

    deployment_id: DeploymentId
    first: int
    last: int
    a_second: int
    width: int

    @classmethod
    def read(cls, text: str) -> "Order":
        """Return the order in a line of input."""
        id, *numbers = text.split()  # noqa: A001
        return cls(DeploymentId(UUID(id)), *map(int, numbers))


async def main(directory: str, stall_seconds: str) -> None:
    """Serve until the process is killed, and print the port."""
    stall = float(stall_seconds)
    limits = evolve(LIMITS, watch_stall_seconds=stall)
    settings = Settings(
        data_directory=Path(directory), runtime=RuntimeChoice.PROCESS, router=RouterChoice.NONE
    )
    with listening("127.0.0.1", 0, stall_seconds=stall) as listener:
        async with (
            open_application(settings) as application,
            serving(create_app(application, limits=limits), listener),
            create_task_group() as speakers,
        ):
            sys.stdout.write(f"{listener.getsockname()[1]}\n")
            sys.stdout.flush()
            while text := await to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
                speakers.start_soon(obey, application, Order.read(text))


async def obey(application: Application, order: Order) -> None:
    """Say each line when it is due."""
    begin = current_time()
    async with application.engine.log_writing.open(order.deployment_id, Redactor()) as log:
        for number in range(order.first, order.last + 1):
            await sleep_until(begin + (number - order.first) / order.a_second)
            await log.say(f"line {number}".ljust(order.width, "."), Phase.RUN)


anyio.run(main, sys.argv[1], sys.argv[2])
