"""Clients as the command line has them: quickly there, and not patient with who is away."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushpaka_http.client import Client

_PATIENCE = 1
"""Seconds for which a server is asked again that does not answer."""
_TIMEOUT = 30


def client_at(
    url: str, token: str | None = None, *, patience: float = _PATIENCE, timeout: float = _TIMEOUT
) -> "Client":
    """
    Return a client of the server at *url*.

    Args:
        url: Where it is.
        token: Who asks; nobody needs one to sign in.
        patience: Seconds for which a call is repeated that meets trouble.
        timeout: Seconds that one try may be silent.
    """
    # The command line of httpx itself, with all that it shows code by, would take longer to
    # import than all else together; httpx does without where it is not there.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None is "not there"
    from pushpaka_http.client import Client, Retries

    return Client(url, token=token, retries=Retries(total=patience), timeout=timeout)
