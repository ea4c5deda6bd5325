"""What the host refuses is no fault of a project."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pushpaka_core.errors import PlatformFaultError

logger = logging.getLogger(__name__)


@contextmanager
def translated_faults(what: str) -> Iterator[None]:
    """
    Turn what the file system refuses into a PlatformFaultError that says what was being done.

    Its message is for users: which file it was is told to the log of the server alone.
    """
    try:
        yield
    except TimeoutError:
        raise
    except OSError as error:
        logger.warning("%s failed on this host: %s", what, error)
        reason = error.strerror or "the log of the server says why"
        raise PlatformFaultError(f"{what} failed on this host: {reason}.") from error
