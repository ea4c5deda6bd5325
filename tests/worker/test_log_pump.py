"""What serving instances print is in the logs of their deployments, once."""

import pytest
from anyio import fail_after
from anyio.lowlevel import checkpoint
from tests.services.platform import Platform

from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.logs import LogStream
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import StorageUnavailableError
from pushpaka_core.ports.processes import Descriptor
from pushpaka_core.services.background import alongside
from pushpaka_worker import log_pump

pytestmark = pytest.mark.anyio


async def until_said(platform: Platform, id: DeploymentId, message: str) -> None:
    """Wait until a message stands in the log."""
    with fail_after(5):
        while message not in await platform.said(id):
            await checkpoint()


async def test_output_is_followed(platform: Platform, shop: Project) -> None:
    """What an application prints while it runs is written under its phase, with its stream."""
    running = await platform.served(shop)
    name = (await platform.instance(running.id)).name
    async with alongside(platform.log_pump().run):
        platform.runtime.emit(name, "GET /\n")
        platform.runtime.emit(name, "Oh no\n", Descriptor.STDERR)
        await until_said(platform, running.id, "Oh no")

    *_, out, error = await platform.lines(running.id)
    assert [
        (Phase.RUN, LogStream.STDOUT, "GET /"),
        (Phase.RUN, LogStream.STDERR, "Oh no"),
    ] == [(line.phase, line.stream, line.message) for line in (out, error)]


async def test_every_line_is_written_once_over_restarts(platform: Platform, shop: Project) -> None:
    """The worker's own reading, and each pump that comes after, take up where the last ended."""
    running = await platform.served(shop)
    name = (await platform.instance(running.id)).name
    for number in range(5):
        platform.runtime.emit(name, f"before {number}\n")
        async with alongside(platform.log_pump().run):
            platform.runtime.emit(name, f"while {number}\n")
            await until_said(platform, running.id, f"while {number}")

    said = await platform.said(running.id)
    assert [f"{when} {n}" for n in range(5) for when in ("before", "while")] == said[-10:]
    assert 1 == said.count("Listening.")


async def test_a_line_that_is_handed_over_unfinished_comes_whole(
    platform: Platform, shop: Project
) -> None:
    """The worker's reading and a pump's may end within a line: the next one has all of it."""
    platform.runtime.greeting = "Listening.\nDownloading "
    running = await platform.served(shop)
    name = (await platform.instance(running.id)).name
    async with alongside(platform.log_pump().run):
        platform.runtime.emit(name, "models... ")
        for _ in range(100):
            await checkpoint()
    platform.runtime.emit(name, "done.\n")
    async with alongside(platform.log_pump().run):
        await until_said(platform, running.id, "Downloading models... done.")

    assert not [line for line in await platform.said(running.id) if line.startswith("models")]


async def test_secrets_are_masked(platform: Platform, shop: Project) -> None:
    """An application that prints its env vars shows none of their values."""
    await platform.set_env(shop, KEY="s3cr3t-value")
    running = await platform.served(shop)
    name = (await platform.instance(running.id)).name
    async with alongside(platform.log_pump().run):
        platform.runtime.emit(name, "KEY=s3cr3t-value\n")
        await until_said(platform, running.id, "KEY=***")

    assert "s3cr3t" not in "\n".join(await platform.said(running.id))


async def test_last_words_and_the_next_instance_are_followed(
    platform: Platform, shop: Project
) -> None:
    """What was printed before a crash is there, and what its successor prints."""
    running = await platform.served(shop)
    name = (await platform.instance(running.id)).name
    async with alongside(platform.log_pump().run), alongside(platform.reconciler().run):
        platform.runtime.emit(name, "KeyError: 'DB'")
        platform.runtime.crash(name)
        await until_said(platform, running.id, "KeyError: 'DB'")
        await platform.until(running.id, lambda d: d.status == "crashed")
        platform.runtime.greeting = "Here again.\n"
        platform.clock.tick(1)

        await until_said(platform, running.id, "Here again.")


async def test_what_is_started_after_it_was_seen_is_followed(
    platform: Platform, shop: Project
) -> None:
    """A pump that finds a row before its program waits for it, however long the start takes."""
    running = await platform.served(shop)
    name = (await platform.instance(running.id)).name
    await platform.application.serving.restart(platform.owner, running.id)
    platform.runtime.failure = StorageUnavailableError("The start takes long.")
    with pytest.raises(StorageUnavailableError):
        await platform.engine.restarting.restart()
    platform.runtime.failure, platform.runtime.greeting = None, "Here again.\n"
    async with alongside(platform.log_pump().run):
        platform.runtime.emit(name, "The pump looks.\n")
        await until_said(platform, running.id, "The pump looks.")

        await platform.engine.restarting.restart()

        await until_said(platform, running.id, "Here again.")


async def test_what_is_printed_on_being_ended_is_kept(platform: Platform, shop: Project) -> None:
    """The last words of what is stopped stand in the log before it is called stopped."""
    running = await platform.served(shop)
    name = (await platform.instance(running.id)).name
    platform.runtime.farewell = "Bye."
    async with alongside(platform.log_pump().run):
        platform.runtime.emit(name, "Hello.\n")
        await until_said(platform, running.id, "Hello.")
        await platform.application.serving.stop(platform.owner, running.id)

        await platform.engine.reconciliation.stop_drained()

    assert DeploymentStatus.STOPPED is (await platform.row(running.id)).status
    assert ["Hello.", "Bye."] == (await platform.said(running.id))[-2:]
    assert [] == list(await platform.runtime.instances())


async def test_what_crashed_is_read_to_its_end_though_it_is_replaced(
    platform: Platform, shop: Project
) -> None:
    """A pump that is slow loses nothing when the successor is there before it has read all."""
    running = await platform.served(shop)
    name = (await platform.instance(running.id)).name
    async with alongside(platform.log_pump().run):
        platform.runtime.emit(name, "Hello.\n")
        await until_said(platform, running.id, "Hello.")
        platform.storage.fail()
        platform.runtime.emit(name, "KeyError: 'DB'\n" * 1000)
        platform.runtime.crash(name)
        for _ in range(20):
            await checkpoint()
        platform.storage.recover()
        await platform.engine.tending.tend()
        platform.clock.tick(1)
        await platform.engine.tending.tend()
        await platform.engine.sweeping.sweep()

        with fail_after(20):
            while (await platform.said(running.id)).count("KeyError: 'DB'") < 1000:
                await checkpoint()

    assert name != (await platform.instance(running.id)).name
    assert [(await platform.instance(running.id)).name] == list(platform.runtime.living)


async def test_only_the_newest_of_an_endless_output_is_kept(
    platform: Platform, shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines of the build go first; the number of the first one left tells how many went."""
    monkeypatch.setattr(log_pump, "MOST_KEPT", 1000)
    running = await platform.served(shop)
    name = (await platform.instance(running.id)).name
    async with alongside(platform.log_pump().run):
        platform.runtime.emit(name, "".join(f"GET /{number:06}\n" for number in range(300)))
        await until_said(platform, running.id, "GET /000299")
        with fail_after(5):
            while (await platform.lines(running.id))[0].seq == 1:
                await checkpoint()

    said = await platform.said(running.id)
    assert [f"GET /{number:06}" for number in range(300 - len(said), 300)] == said


async def test_an_outage_of_the_storage_loses_nothing(platform: Platform, shop: Project) -> None:
    """What is printed meanwhile is written afterwards."""
    running = await platform.served(shop)
    name = (await platform.instance(running.id)).name
    async with alongside(platform.log_pump().run):
        platform.runtime.emit(name, "before\n")
        await until_said(platform, running.id, "before")
        platform.storage.fail()
        platform.runtime.emit(name, "during\n")
        for _ in range(20):
            await checkpoint()
        platform.storage.recover()

        await until_said(platform, running.id, "during")

    assert ["before", "during"] == (await platform.said(running.id))[-2:]
