"""Findings of the checks: a level, a description and advice."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path

from attrs import field, frozen

from pushpaka_core.settings.settings import Settings


class Level(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    WARNING = "warning"
    """The feature works with limitations, or may stop working."""
    PROBLEM = "problem"
    """A feature that the settings require cannot work."""


@frozen
class Finding:
    """The result of one check."""

    level: Level
    message: str
    advice: str = field(default="", kw_only=True)
    """How to fix the problem. Empty if there is nothing to fix."""


Check = Callable[[Settings], Awaitable[Finding]]


def ok(message: str) -> Finding:
    """Return a finding without a problem."""
    return Finding(Level.OK, message)


def warning(message: str, advice: str) -> Finding:
    """Return a finding that the operator should look at."""
    return Finding(Level.WARNING, message, advice=advice)


def problem(message: str, advice: str) -> Finding:
    """Return a finding that the operator has to fix."""
    return Finding(Level.PROBLEM, message, advice=advice)


def nearest_existing(path: Path) -> Path:
    """Return *path* if it exists, otherwise its nearest existing parent directory."""
    return next(place for place in (path, *path.parents) if place.exists())
