"""Caches installed packages for the next build of a project with the same install inputs."""

from pathlib import Path

from attrs import frozen

from pushpaka_core.adapters.process.environment import SYSTEM_PATH

_MAX_ARCHIVES = 3
_MAX_KIBIBYTES = 2**20
"""The limit for the total size of a project's archives."""
_TRUSTED_SCRIPTS = ("@parcel/watcher", "@swc/core", "core-js", "core-js-pure", "esbuild")
"""Packages whose install scripts only read the package itself and properties of the host."""

# tar accepts a truncated archive without an error, so the file name contains the size.
_RESTORE = f"""
PATH={SYSTEM_PATH}
for archive in "$1".*; do
  [ "$(wc -c <"$archive")" -eq "${{archive##*.}}" ] || continue
  touch "$archive" && tar -xf "$archive" && [ -d node_modules ] && exit
done
rm -rf node_modules "$1".*
exit 1
"""

# Packages with install scripts, or with the release's path in their files, may be valid for
# this build only. The archive is linked to its final name when it is complete.
_SAVE = f"""
PATH={SYSTEM_PATH}; place=$2; whole=$TMPDIR/installed.tar
[ -d node_modules ] && [ ! -L node_modules ] || exit
scripted() {{
  grep -rlE --include=package.json '"(pre|post)?install"[[:space:]]*:' node_modules
  [ $? -le 1 ] || echo unknown
  find node_modules -name binding.gyp || echo unknown
}}
[ -z "$(scripted | grep -vE '(^|/)node_modules/({"|".join(_TRUSTED_SCRIPTS)})/[^/]*$')" ] || exit
grep -rqF "$place" node_modules
[ $? -eq 1 ] || exit
ulimit -f {2 * _MAX_KIBIBYTES}
tar -cf "$whole" node_modules && sync "$whole" || {{ rm -f "$whole"; exit; }}
mkdir -p "$(dirname "$1")" && cd "$(dirname "$1")" || exit
ln "$whole" "$1.$(($(wc -c <"$whole")))" || exit
ls -t | tail -n +{_MAX_ARCHIVES + 1} | xargs -r rm -r --
while [ "$(du -sk . | cut -f 1)" -gt {_MAX_KIBIBYTES} ]; do
  rm -r "$(ls -t | tail -n 1)" || exit
done
"""


def archive_directory(cache: Path, project_number: int) -> Path:
    """Return the directory of a project's archives."""
    return cache / "installs" / str(project_number)


@frozen
class InstallArchive:
    """
    An archive of the packages that one command installed from one lock file.

    Builds get copies, so changes that a release makes to its packages do not affect others. The
    archive is read and written as the project's own user and is private to the project.
    """

    _path_prefix: Path
    """The archive's path without the suffix. The suffix is the file size."""

    @property
    def exists(self) -> bool:
        """Return True if there is an archive, intact or not."""
        return any(self._path_prefix.parent.glob(f"{self._path_prefix.name}.*"))

    def restore_command(self) -> tuple[str, ...]:
        """
        Return a command that unpacks the archive into its working directory.

        The command fails if no archive is intact, and then removes the damaged ones.
        """
        return ("/bin/sh", "-c", _RESTORE, "sh", str(self._path_prefix))

    def save_command(self, release: Path) -> tuple[str, ...]:
        """
        Return a command that packs the installed packages.

        It packs nothing if any package has an untrusted install script or contains the path
        *release*.
        """
        return ("/bin/sh", "-c", _SAVE, "sh", str(self._path_prefix), str(release))
