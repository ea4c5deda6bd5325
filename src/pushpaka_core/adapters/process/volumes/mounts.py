"""Links volumes into releases."""

import json
import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from errno import EINVAL, ENOENT, ENOTEMPTY
from fcntl import LOCK_EX, flock
from pathlib import Path, PurePosixPath
from secrets import token_hex
from typing import Any, Self
from urllib.parse import quote

from attrs import evolve, field, frozen

from pushpaka_core.adapters.process.releases import Release
from pushpaka_core.adapters.process.sandbox.permissions import (
    change_owner_recursively,
    make_private,
)
from pushpaka_core.adapters.process.volumes.descriptors import (
    NOT_A_DIRECTORY,
    change_owner_at,
    open_directory_at,
)
from pushpaka_core.adapters.process.volumes.files import VolumeDirectories, write_to
from pushpaka_core.adapters.process.volumes.tree_reader import read_tree
from pushpaka_core.domain.volumes.mounts import VolumeMount, missing_files_error
from pushpaka_core.errors import StartError
from pushpaka_core.host.archive_streams import ForwardStream
from pushpaka_core.host.directory_locks import open_directory
from pushpaka_core.host.state_files import atomic_write
from pushpaka_core.ports.runtime import StartRequest


@frozen(kw_only=True)
class ReleaseMounts:
    """
    The volumes of one instance, which become links in its release.

    All instances of a release share its directory, including those of another target that it was
    promoted to. A file in the release lists its running programs, so that two programs with
    different volumes never run at the same time.
    """

    _directories: VolumeDirectories
    _release: Release
    _home: Path
    _name: str | None
    _mounts: Mapping[str, VolumeMount]
    """The volumes by their paths in the application."""

    @classmethod
    def of(
        cls,
        request: StartRequest,
        release: Release,
        directories: VolumeDirectories,
        *,
        home: Path,
        name: str | None,
    ) -> Self:
        """
        Return the mounts of an instance or a one-off command.

        Args:
            request: The program to start.
            release: The release that it runs.
            directories: The directories of all volumes.
            home: The private directory of the program, which is removed when the program is.
            name: The name of the instance, or None for a one-off command.

        Raises:
            StartError: If a path is absolute.
        """
        app, directory = release.app.resolve(), release.subdirectory(request.plan.directory)
        inner = directory.resolve().relative_to(app)
        return cls(
            directories=directories,
            release=release,
            home=home,
            name=name,
            mounts={str(inner / _relative(one)): one for one in request.settings.volumes},
        )

    def rivals(self) -> Collection[str | None]:
        """
        Return the names of programs of the release that were started with other volumes.

        None stands for a one-off command, which runs until its private directory is removed.
        """
        return _ReleaseState.read(self._release).rivals(self._home, self._ids)

    def mount(self, uid: int | None, *, ended: Collection[str | None]) -> None:
        """
        Link the volumes, and remove links of other volumes. Idempotent.

        If a volume is empty, the files that the release has at its path are copied to it.

        Args:
            uid: The user who gets the volumes, or None for the platform's own user.
            ended: The names among `rivals` whose programs are not running.

        Raises:
            StartError: If a rival is running, if a volume does not exist, or if a file is in the
                way.
        """
        with _locked(self._release.directory):
            state = _ReleaseState.read(self._release)
            if set(state.rivals(self._home, self._ids)) - set(ended):
                raise StartError(
                    "This release is already running with different volumes, for example in another"
                    " target or for a one-off command, and instances of a release share one"
                    " directory. Stop those instances and try again, or deploy the commit again to"
                    " create a separate release."
                )
            for mount in self._mounts.values():
                self._give_to(mount, uid)
            linked = set(state.links)
            state = state.with_user(self._home, self._name, self._ids)
            state.write(self._release)
            for path in linked - self._ids.keys():
                self._unlink(path)
            for path, mount in self._mounts.items():
                self._link(path, mount, uid, is_linked=path in linked)
                self._copy_original(path, mount, uid)
            if linked - self._ids.keys():
                evolve(state, links=tuple(self._ids)).write(self._release)

    @property
    def _ids(self) -> Mapping[str, str]:
        return {path: str(mount.volume_id) for path, mount in self._mounts.items()}

    def _original(self, path: str) -> Path:
        """
        Return the path to which the release's directory at *path* is moved while a link replaces
        it.
        """
        return self._release.directory / "originals" / quote(path, safe="")

    def _give_to(self, mount: VolumeMount, uid: int | None) -> None:
        """Make *uid* the owner of a volume that the platform has created."""
        directory = self._directories.path(mount.volume_id)
        try:
            owner = directory.lstat().st_uid
        except FileNotFoundError:
            raise missing_files_error(mount) from None
        if uid is not None and owner != uid:
            change_owner_recursively(directory, uid)

    def _link(self, path: str, mount: VolumeMount, uid: int | None, *, is_linked: bool) -> None:
        *directories, name = path.split("/")
        owner = os.geteuid() if uid is None else uid
        target = str(self._directories.path(mount.volume_id))
        with self._open_parent(directories, mount, create_as=owner) as parent:
            if _read_link(name, parent) == target:
                return
            self._set_aside(path, parent, mount, is_linked=is_linked)
            os.symlink(target, name, dir_fd=parent)
            change_owner_at(name, parent, owner)

    def _set_aside(self, path: str, parent: int, mount: VolumeMount, *, is_linked: bool) -> None:
        """Make room for a link at *path*: remove an old link, or move the release's directory."""
        name = path.rpartition("/")[2]
        try:
            mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if stat.S_ISLNK(mode) and is_linked:
            os.unlink(name, dir_fd=parent)
        elif stat.S_ISDIR(mode):
            place = self._original(path)
            make_private(place.parent, None)
            # Only the app itself can have replaced a link by another directory.
            place = place if not place.exists() else place.with_name(f"{place.name}.{token_hex(4)}")
            os.rename(name, place, src_dir_fd=parent)
        else:
            raise _obstacle_error(mount)

    def _unlink(self, path: str) -> None:
        """Remove the link at *path*, and move the release's directory back to its place."""
        *directories, name = path.split("/")
        try:
            with open_directory_at(self._release.app, directories) as parent:
                if _read_link(name, parent) is not None:
                    os.unlink(name, dir_fd=parent)
                    os.rename(self._original(path), name, dst_dir_fd=parent)
        except OSError as error:
            # The app has removed the link, or the release had no directory there.
            if error.errno not in (ENOENT, *NOT_A_DIRECTORY):
                raise

    def _copy_original(self, path: str, mount: VolumeMount, uid: int | None) -> None:
        """Copy the release's directory that the link replaced to the volume, if it is empty."""
        volume, original = self._directories.path(mount.volume_id), self._original(path)
        if not original.is_dir() or any(volume.iterdir()):
            return
        with self._directories.new_copy(mount.volume_id) as copy:
            files = make_private(copy / "files", uid)
            with open_directory(original) as source, open_directory(files) as target:
                write_to(target, ForwardStream(read_tree(source)), copy)
            try:
                files.replace(volume)
            except OSError as error:
                if error.errno != ENOTEMPTY:  # Another release has just written to the volume.
                    raise

    @contextmanager
    def _open_parent(
        self, directories: Sequence[str], mount: VolumeMount, *, create_as: int
    ) -> Iterator[int]:
        with ExitStack() as stack:
            try:
                parent = stack.enter_context(
                    open_directory_at(self._release.app, directories, create_as=create_as)
                )
            except OSError as error:
                if error.errno not in NOT_A_DIRECTORY:
                    raise
                raise _obstacle_error(mount) from None
            yield parent


@frozen(kw_only=True)
class _ReleaseState:
    """The links to volumes in a release and the programs that use them, stored in the release."""

    links: tuple[str, ...] = ()
    """The paths that are or may be links to volumes."""
    users: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    """The name and the volumes of each running program, by the name of its private directory."""

    @classmethod
    def read(cls, release: Release) -> Self:
        """Return the stored state."""
        with suppress(FileNotFoundError):
            return cls(**json.loads(_state_file(release).read_text(encoding="utf-8")))
        return cls()

    def write(self, release: Release) -> None:
        """Store the state."""
        with atomic_write(_state_file(release)) as file:
            file.write(json.dumps({"links": self.links, "users": self.users}).encode())

    def rivals(self, home: Path, volumes: Mapping[str, str]) -> Collection[str | None]:
        """
        Return the names of programs whose volumes differ from *volumes*, those of the program in
        *home*.
        """
        return [
            user["name"]
            for directory, user in self._remaining(home).items()
            if directory != home.name and user["volumes"] != volumes
        ]

    def with_user(self, home: Path, name: str | None, volumes: Mapping[str, str]) -> Self:
        """Return the state with another program, and without programs that have been removed."""
        users = {**self._remaining(home), home.name: {"name": name, "volumes": volumes}}
        links = tuple(sorted({*self.links, *volumes}))
        return evolve(self, links=links, users=users)

    def _remaining(self, home: Path) -> Mapping[str, Mapping[str, Any]]:
        return {name: user for name, user in self.users.items() if (home.parent / name).exists()}


def _state_file(release: Release) -> Path:
    return release.directory / "volumes.json"


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with open_directory(directory) as held:
        flock(held, LOCK_EX)
        yield


def _relative(mount: VolumeMount) -> PurePosixPath:
    path = PurePosixPath(mount.path)
    if path.is_absolute():
        raise StartError(
            f"The volume {mount.name} has the absolute path {mount.path}, but apps that run as "
            "host processes can use volumes only in their own directory. Change the path to a "
            'relative one, for example "data".'
        )
    if ".." in path.parts or not path.parts:
        raise StartError(
            f"The path {mount.path} of the volume {mount.name} is not inside the app's directory. "
            "Choose a path inside this directory."
        )
    return path


def _obstacle_error(mount: VolumeMount) -> StartError:
    return StartError(
        f"The volume {mount.name} cannot be mounted at {mount.path}, because the release has a file"
        " or a link there. Remove it from the repository, or change the path of the volume."
    )


def _read_link(name: str, parent: int) -> str | None:
    """Return the target of a link, or None if there is no link."""
    try:
        return os.readlink(name, dir_fd=parent)
    except OSError as error:
        if error.errno not in (ENOENT, EINVAL):
            raise
    return None
