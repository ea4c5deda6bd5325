"""Sends a folder where no Git server has it: packed so that the same files are the same bytes."""

import gzip
import hashlib
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from heapq import nlargest
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, BinaryIO

from attrs import field, frozen

from pushpaka_core.adapters.git.working_trees import WorkingTree
from pushpaka_core.domain.source_limits import SourceLimits
from pushpaka_core.errors import PushpakaError
from pushpaka_http.cli.client.folder_files import FolderFiles, files_of
from pushpaka_http.cli.client.output import Output, harmless

if TYPE_CHECKING:
    from pushpaka_http.client import Client
    from pushpaka_http.schemas.projects import ProjectResponse

_PIECE = 256 << 10
_TOO_LARGE = 413
_NAMED = 5
"""How many of something are named in a sentence."""
_EXECUTABLE = 0o100


class FolderRefusedError(PushpakaError):
    """The folder cannot be sent as it is."""


@frozen(kw_only=True)
class Archive:
    """A folder, packed into a file."""

    file: BinaryIO = field(repr=False)
    sha256: str
    size: int
    """As it is sent."""
    files: FolderFiles
    total_bytes: int
    largest: Sequence[tuple[int, str]]
    """The largest files, with their sizes before they were packed."""

    def pieces(self) -> Iterator[bytes]:
        """Yield what is sent."""
        self.file.seek(0)
        while piece := self.file.read(_PIECE):
            yield piece


def folder_of(root_dir: str | None, directory: Path) -> Path:
    """Return what is sent of *directory*: all around it where it is a project's *root_dir*."""
    tree = WorkingTree.around(directory)
    if tree is not None and root_dir and tree.inner(directory) == root_dir:
        return tree.root
    return directory


@contextmanager
def archive_of(folder: Path, limits: SourceLimits | None = None) -> Iterator[Archive]:
    """
    Pack what of *folder* a commit of all of it would have, for as long as the block lasts.

    Raises:
        FolderRefusedError: If there is nothing, too much, or something that cannot be read.
    """
    limits = limits or SourceLimits()
    if folder.resolve() in {_home(), Path(folder.anchor)}:
        raise FolderRefusedError(f"{folder} is no project's folder. Go into one, and deploy that.")
    with _readable():
        files = files_of(folder)
        sizes = {path: (folder / path).lstat().st_size for path in files.paths}
    largest = nlargest(_NAMED, ((size, path) for path, size in sizes.items()))
    if not sizes:
        raise FolderRefusedError(
            f"There is nothing to send in {folder}: it is empty, or all of it is ignored."
        )
    if len(sizes) > limits.files:
        raise FolderRefusedError(
            f"{folder} has {len(sizes):,} files, and {limits.files:,} can be sent. Let a "
            ".gitignore name those that are not its source."
        )
    if sum(sizes.values()) > limits.total_bytes:
        raise _too_large(f"{in_words(limits.total_bytes)} of files", largest)
    with TemporaryFile() as file:
        with _readable():
            _pack(folder, files.paths, file)
        file.seek(0)
        yield Archive(
            file=file,
            sha256=hashlib.file_digest(file, "sha256").hexdigest(),
            size=file.tell(),
            files=files,
            total_bytes=sum(sizes.values()),
            largest=largest,
        )


def uploaded(client: "Client", project: "ProjectResponse", archive: Archive, output: Output) -> str:
    """
    Have the project's server have *archive*, and return the hash that a deployment names it by.

    Raises:
        FolderRefusedError: If it is larger than the server takes.
    """
    from pushpaka_http.client.errors import ApiError, NotFoundError

    _tell(archive, output)
    try:
        client.archives.get(project.id, archive.sha256)
    except NotFoundError:
        pass
    else:
        output.say("It is there already, as nothing has changed, and is not sent again.")
        return archive.sha256
    try:
        with _shown(archive, output) as pieces:
            client.archives.send(project.id, archive.sha256, content=pieces)
    except ApiError as error:
        if error.status == _TOO_LARGE:
            raise _too_large(f"{in_words(archive.size)} at once", archive.largest) from None
        raise
    return archive.sha256


def in_words(size: float) -> str:
    """Return a number of bytes as people say it."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _home() -> Path | None:
    """Return whose files are not sent by mistake; None for somebody who has none."""
    with suppress(RuntimeError):
        return Path.home().resolve()
    return None


def _pack(folder: Path, paths: Sequence[str], file: BinaryIO) -> None:
    """Write what depends on names, contents and what may be executed, and on nothing else."""
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in paths:
            _add(tar, folder / path, path)


def _add(tar: tarfile.TarFile, place: Path, path: str) -> None:
    member = tarfile.TarInfo(path)
    if place.is_symlink():
        member.type, member.linkname = tarfile.SYMTYPE, str(place.readlink())
        tar.addfile(member)
        return
    with place.open("rb") as content:
        facts = os.fstat(content.fileno())
        member.size = facts.st_size
        member.mode = 0o755 if facts.st_mode & _EXECUTABLE else 0o644
        tar.addfile(member, content)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.strerror else str(error)
        raise FolderRefusedError(f"The folder cannot be read. {harmless(what)}.") from None


def _tell(archive: Archive, output: Output) -> None:
    for paths, why in (
        (archive.files.secret, "as env vars belong to the project: pushpaka env import FILE"),
        (archive.files.leading_out, "as such links lead out of the folder"),
    ):
        if paths:
            output.say(f"Left behind: {_named(paths)}, {why}.")
    count, total = len(archive.files.paths), in_words(archive.total_bytes)
    files = "1 file" if count == 1 else f"{count:,} files"
    output.say(f"Packed {files} ({total}) into {in_words(archive.size)}.")


def _named(paths: Sequence[str]) -> str:
    named = ", ".join(map(harmless, paths[:_NAMED]))
    return named if len(paths) <= _NAMED else f"{named} and {len(paths) - _NAMED:,} more"


def _too_large(more_than: str, largest: Sequence[tuple[int, str]]) -> FolderRefusedError:
    named = ", ".join(f"{harmless(path)} ({in_words(size)})" for size, path in largest)
    return FolderRefusedError(
        f"The folder is too large: {more_than} is more than can be sent. Let a .gitignore name "
        f"what is not its source. The largest files are {named}."
    )


@contextmanager
def _shown(archive: Archive, output: Output) -> Iterator["_Pieces"]:
    """Lend what is sent, and show at a terminal how much of it is."""
    if output.is_json or not os.isatty(2):
        yield _Pieces(archive, lambda _: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = ("Sending", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=archive.size)
        yield _Pieces(archive, lambda sent: progress.update(task, completed=sent))


@frozen
class _Pieces:
    """What is sent, from its beginning each time that it is asked for."""

    _archive: Archive
    _report: Callable[[int], None]

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        for piece in self._archive.pieces():
            yield piece
            sent += len(piece)
            self._report(sent)
