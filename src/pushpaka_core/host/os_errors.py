"""Translates errors of the operating system into errors of the platform."""

from collections.abc import Iterator
from contextlib import contextmanager

from pushpaka_core.errors import PlatformFaultError, PushpakaError


@contextmanager
def translated_os_errors(
    problem: str, *, error_type: type[PushpakaError] = PlatformFaultError, remedy: str = ""
) -> Iterator[None]:
    """
    Raise an error of the type *error_type* for each OSError in the block.

    The message consists of *problem*, the reason given by the operating system, and *remedy*.
    """
    try:
        yield
    except OSError as error:
        message = f"{problem}: {error.strerror}."
        raise error_type(f"{message} {remedy}" if remedy else message) from error
