"""Tests that each setting of a limit has an effect."""

from datetime import timedelta

import attrs
import pytest
from attrs import evolve

from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.settings.limits import LimitSettings
from pushpaka_core.settings.settings import Settings
from pushpaka_http.cli.server.http_server import ConnectionLimits
from pushpaka_http.cli.server.instance import client_limits, connection_limits
from pushpaka_http.middleware.rate_limits import Limits

NAMES = [each.name for each in attrs.fields(LimitSettings)]


def limits_of(settings: Settings) -> tuple[Limits, ConnectionLimits, Quotas]:
    """Return all limits on clients and users."""
    return client_limits(settings), connection_limits(settings), settings.quotas


def test_defaults_are_the_same_as_for_an_embedding_program() -> None:
    """The defaults are defined in one place."""
    assert (Limits(), ConnectionLimits(), Quotas()) == limits_of(Settings())


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_changes_its_limit(name: str) -> None:
    """Increasing a setting by one changes the limit."""
    usual = Settings()
    value = getattr(usual, name)
    more = value + (timedelta(seconds=1) if isinstance(value, timedelta) else 1)

    assert limits_of(usual) != limits_of(evolve(usual, **{name: more}))
