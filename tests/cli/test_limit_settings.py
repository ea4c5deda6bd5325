"""The settings of limits: each of them reaches what it is about."""

from datetime import timedelta

import attrs
import pytest
from attrs import evolve

from pushpaka_core.domain.quotas import Quotas
from pushpaka_core.setting_groups.limits import LimitSettings
from pushpaka_core.settings import Settings
from pushpaka_http.cli.http_server import Patience
from pushpaka_http.cli.serving import limits_of, patience_of
from pushpaka_http.rate_limits import Limits

NAMES = [each.name for each in attrs.fields(LimitSettings)]


def bounds_of(settings: Settings) -> tuple[Limits, Patience, Quotas]:
    """Return all that bounds clients and users."""
    return limits_of(settings), patience_of(settings), settings.quotas


def test_what_nobody_sets_is_what_an_embedding_program_has() -> None:
    """A default stands once: where it counts."""
    assert (Limits(), Patience(), Quotas()) == bounds_of(Settings())


@pytest.mark.parametrize("name", NAMES)
def test_no_setting_is_without_effect(name: str) -> None:
    """One more, or a second more, is another bound."""
    usual = Settings()
    value = getattr(usual, name)
    more = value + (timedelta(seconds=1) if isinstance(value, timedelta) else 1)

    assert bounds_of(usual) != bounds_of(evolve(usual, **{name: more}))
