"""What the environment tells the commands that ask a server."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from attrs import field, frozen

URL = "PUSHPAKA_CLIENT_URL"
TOKEN = "PUSHPAKA_CLIENT_TOKEN"  # noqa: S105 - it names one


@frozen(kw_only=True)
class ClientSettings:
    """Where contexts are kept, and what takes their place, as in CI."""

    config_directory: Path
    url: str | None
    token: str | None = field(repr=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read *environ*, the process's own unless it is given; what is empty is not set."""
        environ = os.environ if environ is None else environ
        home = environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        return cls(
            config_directory=Path(home) / "pushpaka",
            url=environ.get(URL) or None,
            token=environ.get(TOKEN) or None,
        )
