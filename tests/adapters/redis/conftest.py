"""Fixtures for processes that tolerate a slow Redis server on a busy machine."""

import pytest

from pushpaka_core.adapters.redis import connection, exchange
from pushpaka_core.adapters.redis.connection import RedisConnection


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise the timeouts, so that no process considers Redis unavailable during the test."""
    monkeypatch.setattr(RedisConnection.call, "__kwdefaults__", {"timeout": 60})
    for module in (connection, exchange):
        monkeypatch.setattr(module, "BACKGROUND_TIMEOUT", 60)
