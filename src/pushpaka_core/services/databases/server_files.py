"""The files from which the servers of databases are built."""

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from anyio import to_thread

from pushpaka_core.domain.pipeline.build_plans import Packaging
from pushpaka_core.domain.volumes.servers import DatabaseKind, DatabaseServer
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.source import Checkout

_VERSIONS: Mapping[Packaging, Mapping[DatabaseKind, tuple[str, ...]]] = {
    Packaging.DIRECTORY: {DatabaseKind.POSTGRES: ("16",)},
    Packaging.IMAGE: {DatabaseKind.POSTGRES: ("17", "18", "16", "15", "14")},
}
_COMMON_FILES = ("pushpaka.toml", "serve.sh")
_OWN_FILES = {Packaging.DIRECTORY: "requirements.txt", Packaging.IMAGE: "Dockerfile"}
_VERSION = "VERSION"
"""The word in a file that stands for the version of the server."""


def offered_versions(kind: DatabaseKind, packaging: Packaging) -> tuple[str, ...]:
    """Return the major versions that servers of *kind* can have, the default one first."""
    return _VERSIONS[packaging][kind]


async def write_server_files(
    server: DatabaseServer, packaging: Packaging, directory: Path
) -> Checkout:
    """
    Write the files from which *server* is built to *directory*, which must not exist.

    Raises:
        SourceError: If this version of Pushpaka or this runtime cannot run the server.
    """
    if server.version not in offered_versions(server.kind, packaging):
        offered = ", ".join(offered_versions(server.kind, packaging))
        raise SourceError(
            f"This runtime cannot run {server}, only the versions {offered}. Use the version of "
            "Pushpaka and the runtime that created the database."
        )
    return await to_thread.run_sync(_write, server, packaging, directory)


def _write(server: DatabaseServer, packaging: Packaging, directory: Path) -> Checkout:
    source, digest = files(__package__) / server.kind, sha256()
    directory.mkdir()
    for name in (*_COMMON_FILES, _OWN_FILES[packaging]):
        content = (source / name).read_text().replace(_VERSION, server.version)
        (directory / name).write_text(content)
        digest.update(content.encode())
    return Checkout(
        commit_sha=digest.hexdigest(),
        commit_message=str(server),
        commit_author="",
        directory=directory,
    )
