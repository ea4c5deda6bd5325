"""Exit codes of the process that sends a notification or checks a URL."""

from enum import IntEnum


class Outcome(IntEnum):
    """The result of sending a notification or of checking a URL."""

    ACCEPTED = 0
    REJECTED = 70
    UNSUPPORTED = 71
    """No service supports the URL."""
    FORBIDDEN = 72
    """A library tried to connect to a forbidden address, or to start a process."""
