"""Ids and times for the domain objects of tests."""

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from pushpaka_core.domain.secrets import Encrypted

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
"""The creation time of all objects; `later` counts from it."""

numbers = count(1)


def later(seconds: float) -> datetime:
    """Return the time *seconds* after NOON."""
    return NOON + timedelta(seconds=seconds)


def an_id() -> UUID:
    """Return a new id. Ids sort in the order in which they are made."""
    return new_uuid(next(numbers))


def a_secret(text: str = "sealed") -> Encrypted:
    """Return a placeholder for an encrypted secret."""
    return Encrypted(key_id="k1", ciphertext=text.encode())


def new_uuid(number: int) -> UUID:
    """Return an id whose first eight digits are unique, because names and URLs use only these."""
    return UUID(int=number << 96)
