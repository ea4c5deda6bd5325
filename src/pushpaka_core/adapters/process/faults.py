"""What the host refuses is no fault of a project."""

from collections.abc import Iterator
from contextlib import contextmanager

from pushpaka_core.errors import PlatformFaultError


@contextmanager
def translated_faults(what: str) -> Iterator[None]:
    """Turn what the file system refuses into a PlatformFaultError that says what was being done."""
    try:
        yield
    except TimeoutError:
        raise
    except OSError as error:
        raise PlatformFaultError(f"{what} failed on this host: {error}.") from error
