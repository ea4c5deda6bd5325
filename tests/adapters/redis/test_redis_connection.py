"""Which addresses of Redis are taken, and what is told of those that are not."""

import logging
from pathlib import Path

import pytest
from anyio import Event, create_task_group, create_unix_listener, fail_after
from anyio.abc import SocketStream
from tests.redis_server import RedisServer, process_at, until_up

from pushpaka_core.application import Application
from pushpaka_core.bootstrap import open_application
from pushpaka_core.errors import SettingsError, UnavailableError
from pushpaka_core.settings import RuntimeChoice, Settings

pytestmark = pytest.mark.anyio

PASSWORD = "correct-horse-battery"


@pytest.mark.parametrize(
    "url",
    [
        f"http://:{PASSWORD}@redis.example.com",
        f"redis://:{PASSWORD}@redis.example.com:port/0",
        f"redis://:{PASSWORD}@redis.example.com?made_up={PASSWORD}",
    ],
)
async def test_wrong_url_is_refused_without_a_word_of_it(url: str) -> None:
    """The sentence names the setting; the address may hold a password."""
    with pytest.raises(SettingsError, match="PUSHPAKA_REDIS_URL is not") as refusal:
        async with process_at(url):
            pass

    assert PASSWORD not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        f"http://:{PASSWORD}@redis.example.com",
        f"redis://:{PASSWORD}@redis.example.com:port",
        f"redis://:{PASSWORD}@",
        f"redis+tls://:{PASSWORD}@redis.example.com",
        f"unix:?password={PASSWORD}",
        PASSWORD,
        f"redis://[{PASSWORD}",
        "",
    ],
)
def test_wrong_setting_is_told_with_its_name_and_without_its_value(url: str) -> None:
    """The sentence says what an address looks like."""
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environ({"PUSHPAKA_REDIS_URL": url, "HOME": "/home/jane"})

    assert (
        "PUSHPAKA_REDIS_URL must be redis://host:6379/0, rediss://host:6379/0 "
        "or unix:///path/to/socket?db=0."
    ) == str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://jane:pw@[::1]:6380/2",
        "rediss://redis.example.com/0",
        "unix:///s",
    ],
)
def test_right_setting_is_taken_as_it_is(url: str) -> None:
    """What the client of Redis understands is handed to it."""
    settings = Settings.from_environ({"PUSHPAKA_REDIS_URL": url, "HOME": "/home/jane"})

    assert url == settings.redis_url


@pytest.mark.needs("redis")
@pytest.mark.parametrize("given", ["", "wrong-horse-battery"])
async def test_wrong_password_is_refused_without_a_word_of_it(
    own_redis: RedisServer, given: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Who starts the platform reads that Redis refuses it."""
    own_redis.password = PASSWORD
    own_redis.start()

    with pytest.raises(SettingsError, match="Redis refuses the user, the password") as refusal:
        async with process_at(own_redis.url_with(given)):
            pass

    assert "horse" not in str(refusal.value) + caplog.text


@pytest.mark.needs("redis")
async def test_platform_starts_without_redis_and_says_so(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It works, its health is degraded, and gets well as soon as Redis is there."""
    own_redis.password = PASSWORD
    caplog.set_level(logging.INFO)
    settings = Settings(runtime=RuntimeChoice.MEMORY, redis_url=own_redis.url)

    async with open_application(settings) as application:
        assert "Redis does not answer (ConnectionError); going on without it" in caplog.messages
        health = await application.health.check()
        assert health.is_ok
        assert health.checks["redis"] is False

        own_redis.start()
        await until_well(application)

    assert "Redis answers" in caplog.messages
    assert "horse" not in caplog.text + repr(settings) + repr(application.health)


async def test_health_is_silent_about_a_redis_that_is_not_wanted() -> None:
    """Without the setting there is nothing to be well or ill."""
    async with open_application(Settings(runtime=RuntimeChoice.MEMORY)) as application:
        health = await application.health.check()

    assert health.checks["redis"] is None


async def test_something_else_in_the_place_of_redis_counts_as_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it answers, the platform works without it."""
    socket, is_asked_twice = tmp_path / "s", Event()
    answers = iter([b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$x\r\n", b"*-7\r\n", b"\xff\r\n"])

    async def answer(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(next(answers, b""))
            if next(answers, None) is None:
                is_asked_twice.set()

    async with await create_unix_listener(socket) as listener, create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        async with process_at(f"unix://{socket}") as process:
            with fail_after(10):
                await is_asked_twice.wait()
            with pytest.raises(UnavailableError):
                await process.connection.check()
        tasks.cancel_scope.cancel()

    assert "Redis does not answer" in caplog.text


@pytest.mark.needs("redis")
async def test_password_is_used(own_redis: RedisServer) -> None:
    """The right one opens Redis."""
    own_redis.password = PASSWORD
    own_redis.start()

    async with process_at(own_redis.url) as process:
        await until_up(process)
        await process.connection.check()


async def until_well(application: Application) -> None:
    with fail_after(10):
        while (await application.health.check()).checks["redis"] is not True:
            pass
