"""The output of running instances is written to the deployment logs exactly once."""

from datetime import timedelta

import pytest
from anyio import fail_after, sleep, wait_all_tasks_blocked
from tests.platform_fixtures import Platform

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.logs import LogStream
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import StorageUnavailableError
from pushpaka_core.ports.processes import OutputStream
from pushpaka_core.services.concurrency import background_task
from pushpaka_worker import log_pump

pytestmark = pytest.mark.anyio


async def wait_until_logged(platform: Platform, deployment_id: DeploymentId, message: str) -> None:
    """Wait until *message* is in the log of a deployment."""
    with fail_after(5):
        while message not in await platform.messages(deployment_id):
            await sleep(0.01)


async def test_output_is_written_to_the_log(platform: Platform, shop: Project) -> None:
    running = await platform.deploy(shop)
    name = (await platform.instance(running.id)).name
    async with background_task(platform.log_pump().run):
        platform.runtime.emit(name, "GET /\n")
        platform.runtime.emit(name, "Oh no\n", OutputStream.STDERR)
        await wait_until_logged(platform, running.id, "Oh no")

    *_, out, error = await platform.lines(running.id)
    assert [(Phase.RUN, LogStream.STDOUT, "GET /"), (Phase.RUN, LogStream.STDERR, "Oh no")] == [
        (line.phase, line.stream, line.message) for line in (out, error)
    ]


async def test_restarts_do_not_repeat_lines(platform: Platform, shop: Project) -> None:
    running = await platform.deploy(shop)
    name = (await platform.instance(running.id)).name
    for number in range(5):
        platform.runtime.emit(name, f"before {number}\n")
        async with background_task(platform.log_pump().run):
            platform.runtime.emit(name, f"while {number}\n")
            await wait_until_logged(platform, running.id, f"while {number}")

    log = await platform.messages(running.id)
    assert [f"{when} {n}" for n in range(5) for when in ("before", "while")] == log[-10:]
    assert 1 == log.count("Listening.")


async def test_a_line_continued_by_the_next_reader_is_not_split(
    platform: Platform, shop: Project
) -> None:
    platform.runtime.greeting = "Listening.\nDownloading "
    running = await platform.deploy(shop)
    name = (await platform.instance(running.id)).name
    async with background_task(platform.log_pump().run):
        platform.runtime.emit(name, "models... ")
        await wait_all_tasks_blocked()
    platform.runtime.emit(name, "done.\n")
    async with background_task(platform.log_pump().run):
        await wait_until_logged(platform, running.id, "Downloading models... done.")

    assert not [line for line in await platform.messages(running.id) if line.startswith("models")]


async def test_secrets_are_masked(platform: Platform, shop: Project) -> None:
    await platform.set_env(shop, KEY="s3cr3t-value")
    running = await platform.deploy(shop)
    name = (await platform.instance(running.id)).name
    async with background_task(platform.log_pump().run):
        platform.runtime.emit(name, "KEY=s3cr3t-value\n")
        await wait_until_logged(platform, running.id, "KEY=***")

    assert "s3cr3t" not in "\n".join(await platform.messages(running.id))


async def test_final_output_and_the_next_instance_are_read(
    platform: Platform, shop: Project
) -> None:
    running = await platform.deploy(shop)
    name = (await platform.instance(running.id)).name
    async with background_task(platform.log_pump().run), background_task(platform.reconciler().run):
        platform.runtime.emit(name, "KeyError: 'DB'")
        platform.runtime.crash(name)
        await wait_until_logged(platform, running.id, "KeyError: 'DB'")
        await platform.wait_until(running.id, lambda d: d.status == "crashed")
        platform.runtime.greeting = "Here again.\n"
        platform.clock.advance(1)

        await wait_until_logged(platform, running.id, "Here again.")


async def test_an_instance_started_after_its_row_is_read(platform: Platform, shop: Project) -> None:
    running = await platform.deploy(shop)
    name = (await platform.instance(running.id)).name
    await platform.application.active_deployments.restart(platform.owner, running.id)
    platform.runtime.failure = StorageUnavailableError("The start takes long.")
    with pytest.raises(StorageUnavailableError):
        await platform.worker_services.rolling_restart.advance()
    platform.runtime.failure, platform.runtime.greeting = None, "Here again.\n"
    async with background_task(platform.log_pump().run):
        platform.runtime.emit(name, "The pump looks.\n")
        await wait_until_logged(platform, running.id, "The pump looks.")

        await platform.worker_services.rolling_restart.advance()

        await wait_until_logged(platform, running.id, "Here again.")


async def test_output_during_shutdown_is_kept(platform: Platform, shop: Project) -> None:
    running = await platform.deploy(shop)
    name = (await platform.instance(running.id)).name
    platform.runtime.farewell = "Bye."
    async with background_task(platform.log_pump().run):
        platform.runtime.emit(name, "Hello.\n")
        await wait_until_logged(platform, running.id, "Hello.")
        await platform.application.active_deployments.stop(platform.owner, running.id)

        await platform.worker_services.reconciler.stop_drained()

    assert DeploymentStatus.STOPPED is await platform.status(running.id)
    assert ["Hello.", "Bye."] == (await platform.messages(running.id))[-2:]
    assert [] == list(await platform.runtime.instances())


async def test_a_crashed_instance_is_read_to_its_end(platform: Platform, shop: Project) -> None:
    running = await platform.deploy(shop)
    name = (await platform.instance(running.id)).name
    async with background_task(platform.log_pump().run):
        platform.runtime.emit(name, "Hello.\n")
        await wait_until_logged(platform, running.id, "Hello.")
        platform.storage.fail()
        platform.runtime.emit(name, "KeyError: 'DB'\n" * 1000)
        platform.runtime.crash(name)
        await wait_all_tasks_blocked()
        platform.storage.recover()
        await platform.worker_services.instance_supervisor.check_all()
        platform.clock.advance(1)
        await platform.worker_services.instance_supervisor.check_all()
        await platform.worker_services.garbage_collector.collect()

        with fail_after(20):
            while (await platform.messages(running.id)).count("KeyError: 'DB'") < 1000:
                await sleep(0.01)

    assert name != (await platform.instance(running.id)).name
    assert [(await platform.instance(running.id)).name] == list(platform.runtime.running)


async def test_only_the_newest_lines_are_kept(
    platform: Platform, shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_pump, "MAX_KEPT", 1000)
    running = await platform.deploy(shop)
    name = (await platform.instance(running.id)).name
    async with background_task(platform.log_pump().run):
        platform.runtime.emit(name, "".join(f"GET /{number:06}\n" for number in range(300)))
        await wait_until_logged(platform, running.id, "GET /000299")
        with fail_after(5):
            while (await platform.lines(running.id))[0].seq == 1:
                await sleep(0.01)

    log = await platform.messages(running.id)
    assert [f"GET /{number:06}" for number in range(300 - len(log), 300)] == log


async def test_an_instance_that_stops_before_the_next_round_is_read_to_its_end(
    platform: Platform, shop: Project
) -> None:
    platform.runtime.farewell = "Bye."
    async with background_task(platform.log_pump(interval=timedelta(days=1)).run):
        await wait_all_tasks_blocked()
        running = await platform.deploy(shop)
        platform.runtime.emit((await platform.instance(running.id)).name, "Hello.\n")
        await platform.application.active_deployments.stop(platform.owner, running.id)

        await platform.worker_services.reconciler.stop_drained()

    assert ["Hello.", "Bye."] == (await platform.messages(running.id))[-2:]


async def test_an_instance_that_crashes_before_the_next_round_is_read_to_its_end(
    platform: Platform, shop: Project
) -> None:
    supervisor = platform.worker_services.instance_supervisor
    async with background_task(platform.log_pump(interval=timedelta(days=1)).run):
        await wait_all_tasks_blocked()
        running = await platform.deploy(shop)
        name = (await platform.instance(running.id)).name
        platform.runtime.emit(name, "KeyError: 'DB'\n")
        platform.runtime.crash(name)
        await supervisor.check_all()
        platform.clock.advance(1)

        await supervisor.check_all()

        await wait_until_logged(platform, running.id, "KeyError: 'DB'")
    assert name != (await platform.instance(running.id)).name
