"""Translates OS errors into platform errors, so that projects are not blamed for them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pushpaka_core.errors import PlatformFaultError

logger = logging.getLogger(__name__)


@contextmanager
def translate_os_errors(operation: str) -> Iterator[None]:
    """
    Raise PlatformFaultError for an OSError in the block, except for TimeoutError.

    *operation* names the failed operation, as the subject of the message. The message is shown to
    users, so the affected file is only named in the server's log.
    """
    try:
        yield
    except TimeoutError:
        raise
    except OSError as error:
        logger.warning("%s failed on this host: %s.", operation, error)
        reason = error.strerror or "see the server's log"
        raise PlatformFaultError(f"{operation} failed on this host: {reason}.") from error
