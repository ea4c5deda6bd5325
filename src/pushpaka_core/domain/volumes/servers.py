"""Database servers whose files are in a volume."""

from enum import StrEnum

from attrs import frozen

DATABASE_USER = "app"
"""The user of a database, who owns it."""
DATABASE_NAME = "app"
"""The name of the database on its server."""


class DatabaseKind(StrEnum):
    """The kind of a database server."""

    POSTGRES = "postgres"
    """PostgreSQL."""

    @property
    def display_name(self) -> str:
        """Return the name of the product."""
        return {DatabaseKind.POSTGRES: "PostgreSQL"}[self]

    @property
    def port(self) -> int:
        """Return the port on which the server listens in a container."""
        return {DatabaseKind.POSTGRES: 5432}[self]


@frozen(kw_only=True)
class DatabaseServer:
    """The server of a database. Its settings never change, because the files depend on them."""

    kind: DatabaseKind
    version: str
    """The major version, for example "17"."""
    env_name: str
    """The environment variable that contains the URL of the database."""
    port: int | None = None
    """
    The port on which the server listens on the host, or None in containers, where the server has
    its own host name.
    """

    def __str__(self) -> str:
        """Return the product and its version, for example "PostgreSQL 17"."""
        return f"{self.kind.display_name} {self.version}"

    def url(self, name: str, password: str) -> str:
        """
        Return the URL with which the apps of the project connect.

        Args:
            name: The name of the database within its project.
            password: The password of `DATABASE_USER`.
        """
        place = (
            f"{database_host(name)}:{self.kind.port}"
            if self.port is None
            else f"127.0.0.1:{self.port}"
        )
        return f"postgresql://{DATABASE_USER}:{password}@{place}/{DATABASE_NAME}"


def database_host(name: str) -> str:
    """Return the host name of a database server in its project's container network."""
    return f"database-{name}"
