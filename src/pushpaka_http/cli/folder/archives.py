"""Uploads a folder as a reproducible archive, for projects without a Git server."""

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
from pushpaka_core.domain.projects.sources import SourceLimits
from pushpaka_core.errors import PushpakaError
from pushpaka_http.cli.folder.folder_files import FolderFiles, source_files
from pushpaka_http.cli.ui.counts import format_size, pluralized
from pushpaka_http.cli.ui.output import Output, escape_control

if TYPE_CHECKING:
    from pushpaka_http.client import Client
    from pushpaka_http.schemas.projects import ProjectResponse

_CHUNK_BYTES = 256 << 10
_TOO_LARGE = 413
_MAX_NAMED = 5
"""Maximum number of paths in one message."""
_EXECUTABLE = 0o100


class InvalidFolderError(PushpakaError):
    """The folder cannot be uploaded."""


@frozen(kw_only=True)
class Archive:
    """A folder packed into a compressed temporary file."""

    file: BinaryIO = field(repr=False)
    sha256: str
    size: int
    """Size of the compressed archive in bytes."""
    files: FolderFiles
    total_bytes: int
    largest: Sequence[tuple[int, str]]
    """The largest files, largest first, each as its uncompressed size in bytes and its path."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the compressed archive in chunks. Each call starts from the beginning."""
        self.file.seek(0)
        while piece := self.file.read(_CHUNK_BYTES):
            yield piece


def upload_root(root_dir: str | None, directory: Path) -> Path:
    """
    Return the folder to upload: the root of the working tree if *directory* is its subdirectory
    *root_dir*, otherwise *directory*.
    """
    tree = WorkingTree.find_containing(directory)
    if tree is not None and root_dir and tree.relative_path(directory) == root_dir:
        return tree.root
    return directory


@contextmanager
def packed_folder(folder: Path, limits: SourceLimits | None = None) -> Iterator[Archive]:
    """
    Yield an archive of the source files of *folder*, which is deleted when the block ends.

    The archive contains the files that a commit of the whole folder would contain. The same files
    always result in the same bytes.

    Args:
        folder: The folder to pack.
        limits: Maximum number of files and total size.

    Raises:
        InvalidFolderError: If the folder is empty, exceeds the limits or cannot be read, or is the
            home directory or the root of the file system.
    """
    limits = limits or SourceLimits()
    if folder.resolve() in {_home_directory(), Path(folder.anchor)}:
        raise InvalidFolderError(
            f"{folder} is a home directory or the root of the file system, which cannot be "
            "deployed. Change to the folder of a project."
        )
    with _translate_errors():
        files = source_files(folder)
        sizes = {path: (folder / path).lstat().st_size for path in files.paths}
    largest = nlargest(_MAX_NAMED, ((size, path) for path, size in sizes.items()))
    if not sizes:
        raise InvalidFolderError(
            f"{folder} has no files to upload: it is empty, or all files are ignored. Change to "
            "the folder of the project, or correct its .gitignore."
        )
    if len(sizes) > limits.files:
        raise InvalidFolderError(
            f"{folder} has {len(sizes):,} files, and the limit is {limits.files:,}. Use a "
            ".gitignore to exclude files that are not source code."
        )
    if sum(sizes.values()) > limits.total_bytes:
        raise _too_large_error(
            f"its files can be at most {format_size(limits.total_bytes)} in total", largest
        )
    with TemporaryFile() as file:
        with _translate_errors():
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


def upload_archive(
    client: "Client", project: "ProjectResponse", archive: Archive, output: Output
) -> str:
    """
    Upload *archive* unless the server has it already, and return its SHA-256 hash.

    Deployments of the project refer to the archive by this hash.

    Raises:
        InvalidFolderError: If the archive is larger than the server accepts.
    """
    from pushpaka_http.client.errors import ApiError, NotFoundError

    _print_summary(archive, output)
    try:
        client.archives.get(project.id, archive.sha256)
    except NotFoundError:
        pass
    else:
        output.message(
            "The folder has not changed since the last upload, so it is not uploaded again."
        )
        return archive.sha256
    try:
        with _upload_progress(archive, output) as pieces:
            client.archives.send(project.id, archive.sha256, content=pieces)
    except ApiError as error:
        if error.status == _TOO_LARGE:
            raise _too_large_error(
                f"the server rejects an upload of {format_size(archive.size)}", archive.largest
            ) from None
        raise
    return archive.sha256


def _home_directory() -> Path | None:
    """Return the user's home directory, which is never uploaded, or None if there is none."""
    with suppress(RuntimeError):
        return Path.home().resolve()
    return None


def _pack(folder: Path, paths: Sequence[str], file: BinaryIO) -> None:
    """Write an archive that depends only on paths, contents and executable bits."""
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in paths:
            _add(tar, folder / path, path)


def _add(tar: tarfile.TarFile, file: Path, path: str) -> None:
    member = tarfile.TarInfo(path)
    if file.is_symlink():
        member.type, member.linkname = tarfile.SYMTYPE, str(file.readlink())
        tar.addfile(member)
        return
    with file.open("rb") as content:
        facts = os.fstat(content.fileno())
        member.size = facts.st_size
        member.mode = 0o755 if facts.st_mode & _EXECUTABLE else 0o644
        tar.addfile(member, content)


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}" if error.strerror else str(error)
        raise InvalidFolderError(
            f"The folder cannot be read: {escape_control(problem)}. Check the permissions, then "
            "try again."
        ) from None


def _print_summary(archive: Archive, output: Output) -> None:
    if secret := archive.files.secret:
        output.message(
            f"Skipped files that may contain secrets: {_list_paths(secret)}. To set their "
            "variables, run: pushpaka env import FILE"
        )
    if links := archive.files.external_links:
        output.message(f"Skipped links that point outside the folder: {_list_paths(links)}.")
    files, total = pluralized(len(archive.files.paths), "file"), format_size(archive.total_bytes)
    output.message(f"Packed {files} ({total}) into {format_size(archive.size)}.")


def _list_paths(paths: Sequence[str]) -> str:
    named = ", ".join(map(escape_control, paths[:_MAX_NAMED]))
    return named if len(paths) <= _MAX_NAMED else f"{named} and {len(paths) - _MAX_NAMED:,} more"


def _too_large_error(reason: str, largest_files: Sequence[tuple[int, str]]) -> InvalidFolderError:
    named = ", ".join(
        f"{escape_control(path)} ({format_size(size)})" for size, path in largest_files
    )
    return InvalidFolderError(
        f"The folder is too large: {reason}. Use a .gitignore to exclude files that are not source "
        f"code. The largest files are {named}."
    )


@contextmanager
def _upload_progress(archive: Archive, output: Output) -> Iterator["_Chunks"]:
    """Yield the chunks to upload, and show the progress if standard error is a terminal."""
    if output.is_json or not os.isatty(2):
        yield _Chunks(archive, lambda _: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = ("Uploading", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=archive.size)
        yield _Chunks(archive, lambda sent: progress.update(task, completed=sent))


@frozen
class _Chunks:
    """
    The chunks of an archive.

    Each iteration starts from the beginning, so that an upload can be retried.
    """

    _archive: Archive
    _report: Callable[[int], None]

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        for piece in self._archive.chunks():
            yield piece
            sent += len(piece)
            self._report(sent)
