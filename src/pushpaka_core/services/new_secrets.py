"""Secrets that are made here for others to carry."""

from pushpaka_core.ports.system import IdGenerator


def new_secret(new_id: IdGenerator) -> str:
    """Return 64 hex digits that nobody guesses: two ids have more than 240 random bits."""
    return new_id().hex + new_id().hex
