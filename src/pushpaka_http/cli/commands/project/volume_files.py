"""The commands `pushpaka volumes get` and `put`."""

import tarfile
from collections.abc import Generator, Iterator
from contextlib import closing
from io import BufferedReader, RawIOBase
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import click
from attrs import frozen

from pushpaka_core.images.dockerfiles import USER
from pushpaka_http.cli.commands.project.volume_choice import find_volume
from pushpaka_http.cli.commands.session import Session, with_project_option
from pushpaka_http.cli.ui.counts import pluralized
from pushpaka_http.cli.ui.output import Output

_CHUNK_BYTES = 256 * 1024


@click.command("get")
@click.argument("volume")
@click.argument("path", default="")
@click.option(
    "--into",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    help="Directory for the files. Defaults to the current one.",
)
@with_project_option
def get(session: Session, *, volume: str, path: str, directory: Path) -> None:
    """
    Download the file or directory PATH of VOLUME.

    Without PATH, download the whole volume. Existing files with the same names are replaced.

    Example: pushpaka volumes get media photos
    """
    found = find_volume(session, volume)
    directory.mkdir(parents=True, exist_ok=True)
    prefix = path.rpartition("/")[0]
    with closing(session.client.volumes.download(found.id, path=path or None)) as pieces:
        count = _extract(pieces, directory, prefix, session.output)
    session.output.message(f"Downloaded {pluralized(count, 'file')} into {directory}.")


@click.command("put")
@click.argument("volume")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.argument("path", default="")
@with_project_option
def put(session: Session, *, volume: str, source: Path, path: str) -> None:
    """
    Upload the file or directory SOURCE to PATH in VOLUME.

    PATH is a directory. Files with the same names are replaced; other files are kept. Without PATH,
    the files are written to the top of the volume.

    Example: pushpaka volumes put media ./photos
    """
    found = find_volume(session, volume)
    with TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            tar.add(source, f"{path}/{source.resolve().name}".lstrip("/"), filter=_owned_by_app)
        file.flush()
        answer = session.client.volumes.upload(found.id, content=_FileContent(file))
    session.output.result(answer, answer.message)


def _owned_by_app(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return *member* with the user of the app's image as owner, in place of the local user."""
    uid, _, gid = USER.partition(":")
    member.uid, member.gid = int(uid), int(gid)
    member.uname = member.gname = ""
    return member


@frozen
class _FileContent:
    """The content of a file as a request body. Each iteration begins at its start."""

    _file: BinaryIO

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        while piece := self._file.read(_CHUNK_BYTES):
            yield piece

    def fileno(self) -> int:
        """Return the descriptor, from which httpx reads the Content-Length."""
        return self._file.fileno()


class _PieceReader(RawIOBase):
    """Reads a stream of pieces like a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _extract(
    pieces: Generator[bytes, None, None], directory: Path, prefix: str, output: Output
) -> int:
    """
    Extract an archive, and remove the directory *prefix* from its names. Return the number of
    files.
    """
    count = 0
    reader = BufferedReader(_PieceReader(pieces), _CHUNK_BYTES)
    with tarfile.open(fileobj=reader, mode="r|") as tar:
        tar.extraction_filter = tarfile.data_filter
        for member in tar:
            member.name = _without_prefix(member.name, prefix)
            if member.islnk():
                member.linkname = _without_prefix(member.linkname, prefix)
            try:
                tar.extract(member, directory)
            except tarfile.FilterError as error:
                output.message(f"Skipped {member.name}: {error}.")
                continue
            count += member.isreg() or member.islnk()
    return count


def _without_prefix(name: str, prefix: str) -> str:
    return name.removeprefix(f"{prefix}/") if prefix else name
