"""Creates API clients for commands, from environment variables and contexts."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushpaka_http.client import Client
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from attrs import field, frozen

_RETRY_SECONDS = 1
"""Seconds for which calls are retried while the server does not respond."""
_TIMEOUT = 30

URL = "PUSHPAKA_CLIENT_URL"
PROJECT = "PUSHPAKA_PROJECT"
TOKEN = "PUSHPAKA_CLIENT_TOKEN"  # noqa: S105 - a name, not a secret


def create_client(
    url: str,
    token: str | None = None,
    *,
    retry_seconds: float = _RETRY_SECONDS,
    timeout: float = _TIMEOUT,
) -> "Client":
    """
    Return a client of the server at *url*.

    Args:
        url: Base URL of the server.
        token: Session or API token. None for a client that is going to sign in.
        retry_seconds: Seconds for which failing calls are retried.
        timeout: Seconds to wait for each response.
    """
    # httpx imports its own command line if click and rich are installed: a sixth of the processor
    # time and of the memory of a command. It does without if that import fails.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    from pushpaka_http.client import Client, RetryPolicy

    return Client(
        url, token=token, retry_policy=RetryPolicy(total_seconds=retry_seconds), timeout=timeout
    )


@frozen(kw_only=True)
class ClientSettings:
    """
    Where the contexts are stored, which URL and token override them (for example in CI), and the
    default project.
    """

    config_directory: Path
    url: str | None
    token: str | None = field(repr=False)
    project: str | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Self:
        """
        Read the settings from *environ*, by default that of the process.

        Empty values count as unset.
        """
        environ = os.environ if environ is None else environ
        home = environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        return cls(
            config_directory=Path(home) / "pushpaka",
            url=environ.get(URL) or None,
            token=environ.get(TOKEN) or None,
            project=environ.get(PROJECT) or None,
        )
