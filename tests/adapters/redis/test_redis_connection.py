"""Tests connections to Redis: addresses, passwords, and an unavailable server."""

import logging
from pathlib import Path

import pytest
from anyio import Event, create_task_group, create_unix_listener, fail_after
from anyio.abc import SocketStream
from tests.servers.redis import RedisServer, open_process_adapters

from pushpaka_core.bootstrap import open_application
from pushpaka_core.container.application import Application
from pushpaka_core.errors import SettingsError, UnavailableError
from pushpaka_core.settings.settings import RuntimeChoice, Settings

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
async def test_wrong_url_is_refused(url: str) -> None:
    """The message does not repeat the URL, which may contain a password."""
    with pytest.raises(SettingsError, match="PUSHPAKA_REDIS_URL is not") as refusal:
        async with open_process_adapters(url):
            pass

    assert PASSWORD not in str(refusal.value)


@pytest.mark.needs("redis")
@pytest.mark.parametrize("password", ["", "wrong-horse-battery"])
async def test_wrong_password_is_refused(
    own_redis: RedisServer, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The message does not repeat the password."""
    own_redis.password = PASSWORD
    own_redis.start()

    with pytest.raises(SettingsError, match="Redis rejected the user, the password") as refusal:
        async with open_process_adapters(own_redis.url_with(password)):
            pass

    assert "horse" not in str(refusal.value) + caplog.text


@pytest.mark.needs("redis")
async def test_platform_starts_without_redis(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The health is degraded until Redis accepts the password."""
    own_redis.password = PASSWORD
    caplog.set_level(logging.INFO)
    settings = Settings(runtime=RuntimeChoice.MEMORY, redis_url=own_redis.url)

    async with open_application(settings) as application:
        assert (
            "Redis is not responding (ConnectionError). Continuing without it." in caplog.messages
        )
        health = await application.health.check()
        assert health.is_ok
        assert health.checks["redis"] is False

        own_redis.start()
        await wait_until_healthy(application)

    assert "Connected to Redis." in caplog.messages
    assert "horse" not in caplog.text + repr(settings) + repr(application.health)


async def test_health_without_the_setting_omits_redis() -> None:
    async with open_application(Settings(runtime=RuntimeChoice.MEMORY)) as application:
        health = await application.health.check()

    assert health.checks["redis"] is None


async def test_other_server_instead_of_redis_is_unavailable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A server whose responses are not those of Redis counts as unavailable."""
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
        async with open_process_adapters(f"unix://{socket}") as process:
            with fail_after(60):
                await is_asked_twice.wait()
            with pytest.raises(UnavailableError):
                await process.connection.check()
        tasks.cancel_scope.cancel()

    assert "Redis is not responding" in caplog.text


async def wait_until_healthy(application: Application) -> None:
    with fail_after(60):
        while (await application.health.check()).checks["redis"] is not True:
            pass
