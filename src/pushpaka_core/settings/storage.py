"""Settings for the data directory, the database and Redis."""

import os
from pathlib import Path
from urllib.parse import quote

from attrs import frozen

from pushpaka_core.settings import addresses, values
from pushpaka_core.settings.sources import default_data_directory
from pushpaka_core.settings.values import setting


@frozen(kw_only=True, slots=False)
class StorageSettings:
    """Data directory, database and Redis."""

    data_directory: Path = setting(
        values.data_directory,
        "Absolute path to the directory for all data. Default: `/var/lib/pushpaka` for root, else "
        "`~/.local/share/pushpaka`.",
        factory=lambda: default_data_directory(os.environ),
    )
    database_url: str | None = setting(
        addresses.database_url,
        "`sqlite:////path` (percent-encoded), `postgresql://user:password@host/database`, or "
        "`memory:` for tests. Default: an SQLite file in the data directory.",
        default=None,
        repr=False,
    )
    redis_url: str | None = setting(
        addresses.redis_url,
        "`redis://host:6379/0`, `rediss://host:6379/0` or `unix:///socket`. Needed for several "
        "API processes. Default: none.",
        default=None,
        repr=False,
    )

    @property
    def storage_url(self) -> str:
        """Return the database URL. The default is an SQLite file in the data directory."""
        file = quote(str(self.data_directory / "pushpaka.sqlite"))
        return self.database_url or f"sqlite:///{file}"

    @property
    def database(self) -> str:
        """Return the kind of database: `sqlite`, `postgresql` or `memory`."""
        scheme = self.storage_url.partition(":")[0]
        return "postgresql" if scheme == "postgres" else scheme
