"""What ends a command before a server has answered: a sentence that says what to do."""

from pushpaka_core.errors import PushpakaError


class NotSignedInError(PushpakaError):
    """There is no server, or no token for it."""


class ContextFileError(PushpakaError):
    """The file of the contexts cannot be used as it is."""


class NoSuchThingError(PushpakaError):
    """Nothing is called what was named, or more than one thing is."""


class RefusedByUserError(PushpakaError):
    """Who was asked whether they are sure is not."""


class NotVerifiedError(PushpakaError):
    """Nothing proves yet whose a domain is."""
