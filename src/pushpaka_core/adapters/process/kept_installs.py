"""Installed packages, kept for the next build of a project that would install the very same."""

from pathlib import Path

from attrs import frozen

from pushpaka_core.adapters.process.environment import SYSTEM_PATH

_MOST_KEPT = 3
_MOST_KIBIBYTES = 2**20
"""Of all that is kept for a project."""
_HARMLESS = ("@parcel/watcher", "@swc/core", "core-js", "core-js-pure", "esbuild")
"""Packages whose install scripts look at themselves and at this host, and at nothing else."""

# tar does not complain of an archive that ends early, so that its name says how long it is.
_BRING = f"""
PATH={SYSTEM_PATH}
for archive in "$1".*; do
  [ "$(wc -c <"$archive")" -eq "${{archive##*.}}" ] || continue
  touch "$archive" && tar -xf "$archive" && [ -d node_modules ] && exit
done
rm -rf node_modules "$1".*
exit 1
"""

# A package may run a script that reads the application, or note where it was installed: what
# came out of that is right for one build alone. An archive gets its name when it is whole.
_KEEP = f"""
PATH={SYSTEM_PATH}; place=$2; whole=$TMPDIR/installed.tar
[ -d node_modules ] && [ ! -L node_modules ] || exit
scripted() {{
  grep -rlE --include=package.json '"(pre|post)?install"[[:space:]]*:' node_modules
  [ $? -le 1 ] || echo unknown
  find node_modules -name binding.gyp || echo unknown
}}
[ -z "$(scripted | grep -vE '(^|/)node_modules/({"|".join(_HARMLESS)})/[^/]*$')" ] || exit
grep -rqF "$place" node_modules
[ $? -eq 1 ] || exit
ulimit -f {2 * _MOST_KIBIBYTES}
tar -cf "$whole" node_modules && sync "$whole" || {{ rm -f "$whole"; exit; }}
mkdir -p "$(dirname "$1")" && cd "$(dirname "$1")" || exit
ln "$whole" "$1.$(($(wc -c <"$whole")))" || exit
ls -t | tail -n +{_MOST_KEPT + 1} | xargs -r rm -r --
while [ "$(du -sk . | cut -f 1)" -gt {_MOST_KIBIBYTES} ]; do
  rm -r "$(ls -t | tail -n 1)" || exit
done
"""


def installs_of(cache: Path, project_number: int) -> Path:
    """Return where they are kept for a project."""
    return cache / "installs" / str(project_number)


@frozen
class KeptInstall:
    """
    An archive of what one command has installed from one lock file.

    It is a copy: what a build or a program writes into its packages stays with its release.
    The project's own user writes and reads it, and no other project's can.
    """

    _place: Path
    """Its path, but for the length that is added to its name."""

    @property
    def is_there(self) -> bool:
        """Tell whether there is one, of use or not."""
        return any(self._place.parent.glob(f"{self._place.name}.*"))

    def bring(self) -> tuple[str, ...]:
        """Return the command that unpacks it where it is run, and fails if it is of no use."""
        return ("/bin/sh", "-c", _BRING, "sh", str(self._place))

    def keep(self, release: Path) -> tuple[str, ...]:
        """Return the command that packs it, unless a package knows, or may have read, *release*."""
        return ("/bin/sh", "-c", _KEEP, "sh", str(self._place), str(release))
