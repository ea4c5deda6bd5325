"""Framework build caches, moved from one release to the next so that builds are incremental."""

from pathlib import Path

_CACHE_DIRECTORIES = (".next/cache", ".turbo/cache", ".nx/cache", ".angular/cache", ".parcel-cache")
"""Cache directories, relative to the plan's directory or its parents. Unused at run time."""
_MAX_KIBIBYTES = 2**20

# Next's cache also contains responses of other servers, which a new build has to fetch again.
_RESTORE = """
kept=$1; shift
for name; do
  if [ -d "$kept/$name" ] && [ ! -e "$name" ]; then
    mkdir -p "$(dirname "$name")" && mv "$kept/$name" "$name"
  fi
done
rm -rf .next/cache/fetch-cache
"""
_SAVE = f"""
kept=$1; shift
for name; do
  if [ -d "$name" ] && [ ! -L "$name" ]; then
    rm -rf "$kept/$name"
    mkdir -p "$(dirname "$kept/$name")" && mv "$name" "$kept/$name"
  fi
done
[ -d "$kept" ] || exit 0
[ "$(du -sk "$kept" | cut -f 1)" -le {_MAX_KIBIBYTES} ] || rm -rf "$kept"
"""


def cache_directory(cache: Path, project_number: int, directory: str = "") -> Path:
    """Return the path of a project's build caches, or of those for one directory."""
    return cache / "builds" / str(project_number) / directory


def restore_command(cache: Path) -> tuple[str, ...]:
    """Return a command that moves the caches from *cache* into its working directory."""
    return ("/bin/sh", "-c", _RESTORE, "sh", str(cache), *_CACHE_DIRECTORIES)


def save_command(cache: Path) -> tuple[str, ...]:
    """
    Return a command that moves the caches back to *cache*.

    The command runs as the project's user, because the build controls the paths that it touches.
    """
    return ("/bin/sh", "-c", _SAVE, "sh", str(cache), *_CACHE_DIRECTORIES)
