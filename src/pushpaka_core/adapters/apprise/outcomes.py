"""What came of a message, as the exit code of the program that has sent it."""

from enum import IntEnum


class Outcome(IntEnum):
    """Whether a message was taken, and why not."""

    TAKEN = 0
    NOT_TAKEN = 70
    UNKNOWN = 71
    """No service has such an address."""
    FORBIDDEN = 72
    """It would have connected to where it may not, or done something else than connect."""
