"""Where everything is kept."""

import os
from pathlib import Path

from attrs import frozen

from pushpaka_core import setting_values
from pushpaka_core.setting_groups.field import setting
from pushpaka_core.setting_sources import usual_data_directory


@frozen(kw_only=True, slots=False)
class StorageSettings:
    """The data directory, the database, and Redis."""

    data_directory: Path = setting(
        setting_values.absolute,
        "where everything is kept: `/var/lib/pushpaka` for root, else `~/.local/share/pushpaka`",
        factory=lambda: usual_data_directory(os.environ),
    )
    database_url: str | None = setting(
        setting_values.database_url,
        "`sqlite:////path`, `postgresql://user:password@host/database`, or `memory:` for tests; "
        "a file in the data directory",
        default=None,
        repr=False,
    )
    redis_url: str | None = setting(
        setting_values.redis_url,
        "`redis://host:6379/0`, `rediss://` or `unix:///socket`, for several processes; none by "
        "default",
        default=None,
        repr=False,
    )

    @property
    def storage_url(self) -> str:
        """Return the database's URL: a file in the data directory unless another is set."""
        return self.database_url or f"sqlite:///{self.data_directory / 'pushpaka.sqlite'}"

    @property
    def database(self) -> str:
        """Return what kind of a database that is: `sqlite`, `postgresql` or `memory`."""
        scheme = self.storage_url.partition(":")[0]
        return "postgresql" if scheme == "postgres" else scheme
