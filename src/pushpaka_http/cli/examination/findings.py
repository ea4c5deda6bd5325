"""What is found by looking, and what to do about it."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path

from attrs import field, frozen

from pushpaka_core.settings import Settings


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not all of it, or not for long."""
    PROBLEM = "problem"
    """Something that the settings ask for cannot work."""


@frozen
class Finding:
    """How one thing stands."""

    level: Level
    told: str
    advice: str = field(default="", kw_only=True)
    """What to do; nothing where all is well."""


Check = Callable[[Settings], Awaitable[Finding]]


def ok(told: str) -> Finding:
    """Return that all is well."""
    return Finding(Level.OK, told)


def warning(told: str, advice: str) -> Finding:
    """Return what should be seen to."""
    return Finding(Level.WARNING, told, advice=advice)


def problem(told: str, advice: str) -> Finding:
    """Return what has to be seen to."""
    return Finding(Level.PROBLEM, told, advice=advice)


def nearest(path: Path) -> Path:
    """Return *path*, or the directory above it that is there already."""
    return next(place for place in (path, *path.parents) if place.exists())
