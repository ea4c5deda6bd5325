"""What frameworks keep of a build to be quicker at the next one, handed from release to release."""

from pathlib import Path

_KEPT = (".next/cache", ".turbo/cache", ".nx/cache", ".angular/cache", ".parcel-cache")
"""Seen from the directory of the plan, or one above it; none is needed where the release runs."""
_MOST_KIBIBYTES = 2**20

# Answers of other servers lie in Next's cache as well: a new build is to ask them again.
_BRING = """
kept=$1; shift
for name; do
  if [ -d "$kept/$name" ] && [ ! -e "$name" ]; then
    mkdir -p "$(dirname "$name")" && mv "$kept/$name" "$name"
  fi
done
rm -rf .next/cache/fetch-cache
"""
_KEEP = f"""
kept=$1; shift
for name; do
  if [ -d "$name" ] && [ ! -L "$name" ]; then
    rm -rf "$kept/$name"
    mkdir -p "$(dirname "$kept/$name")" && mv "$name" "$kept/$name"
  fi
done
[ -d "$kept" ] || exit 0
[ "$(du -sk "$kept" | cut -f 1)" -le {_MOST_KIBIBYTES} ] || rm -rf "$kept"
"""


def place_of(cache: Path, project_number: int, directory: str = "") -> Path:
    """Return where it is kept for a project, and in there for one of its directories."""
    return cache / "builds" / str(project_number) / directory


def bring(place: Path) -> tuple[str, ...]:
    """Return the command that moves what is kept into the directory in which it is run."""
    return ("/bin/sh", "-c", _BRING, "sh", str(place), *_KEPT)


def keep(place: Path) -> tuple[str, ...]:
    """Return the command that moves it back; the project's own user runs it, for its own paths."""
    return ("/bin/sh", "-c", _KEEP, "sh", str(place), *_KEPT)
