"""Parses times in arguments of the command line, and formats times relative to now."""

import re
from datetime import UTC, datetime, timedelta

from pushpaka_http.cli.ui.counts import pluralized

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_JUST_NOW = timedelta(seconds=10)
_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def parse_moment(text: str, now: datetime) -> datetime:
    """
    Return the time in *text*: either a duration before *now*, such as 90s, 1h30m or 2d, or an ISO
    8601 time, in UTC unless it has an offset.

    Raises:
        ValueError: If *text* is invalid. The message is a clause such as "must be a number".
    """
    try:
        if duration := _DURATION.fullmatch(text) if text else None:
            days, hours, minutes, seconds = (int(number or 0) for number in duration.groups())
            return now - timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError(
            "must be a duration such as 90s, 30m, 1h or 2d, or a time such as 2026-03-01T12:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def format_age(moment: datetime, now: datetime) -> str:
    """Return the time from *moment* to *now* in the largest unit that fits."""
    seconds = max(0, int((now - moment).total_seconds()))
    unit, size = next((unit, size) for unit, size in _UNITS if seconds >= size or size == 1)
    return pluralized(seconds // size, unit)


def time_ago(moment: datetime, now: datetime) -> str:
    """Return how long before *now* *moment* was, in words."""
    return "just now" if now - moment < _JUST_NOW else f"{format_age(moment, now)} ago"
