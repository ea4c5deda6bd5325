"""Which files of a folder are its source, and which are left behind."""

import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from attrs import frozen
from pathspec import GitIgnoreSpec

from pushpaka_core.adapters.git.working_trees import WorkingTree
from pushpaka_http.cli.client.asking_git import ask_git

_GIT = ".git"
_REBUILT = ("node_modules/", ".venv/", "__pycache__/")
"""What is left behind without Git even where no .gitignore says so."""
_SHOWN_ENV = frozenset({".env.example", ".env.sample", ".env.template", ".env.dist"})
"""What says which env vars there are, and not what they are."""


@frozen(kw_only=True)
class FolderFiles:
    """The paths of files and links in a folder, in their order."""

    paths: Sequence[str]
    secret: Sequence[str]
    """Files with env vars, left behind as nobody has ever put them under version control."""
    leading_out: Sequence[str]
    """Links to somewhere else, left behind."""


def files_of(folder: Path) -> FolderFiles:
    """
    Return what of *folder* a commit of all of it would have.

    Raises:
        SettingsError: If it is in a working tree of Git, and git is not installed.
        PlatformFaultError: If git refuses.
    """
    found, tracked = _found(folder)
    secret = [path for path in found if _is_secret(path) and path not in tracked]
    kinds = {path: _kind(folder / path) for path in found}
    links = [path for path in found if stat.S_ISLNK(kinds[path])]
    leading_out = [path for path in links if not _stays_inside(folder, path)]
    kept = [path for path in found if stat.S_ISREG(kinds[path]) or path in links]
    return FolderFiles(
        paths=sorted({*kept} - {*secret, *leading_out}), secret=secret, leading_out=leading_out
    )


def _found(folder: Path) -> tuple[list[str], frozenset[str]]:
    """Return what is not ignored, and what of the secret files among that is tracked."""
    tree = WorkingTree.around(folder)
    return (sorted(_walked(folder)), frozenset()) if tree is None else _listed(tree, folder)


def _listed(tree: WorkingTree, folder: Path) -> tuple[list[str], frozenset[str]]:
    inner = tree.inner(folder)
    beginning = f"{inner}/" if inner else ""
    listed = sorted(_below(_paths(tree), beginning))
    if not any(map(_is_secret, listed)):
        return listed, frozenset()
    return listed, frozenset(_below(ask_git(tree.tracked), beginning))


def _paths(tree: WorkingTree) -> Iterator[str]:
    """Yield what git lists, in submodules and other trees inside as well."""
    for path in filter(None, ask_git(tree.paths)):
        place = tree.root / path
        if not stat.S_ISDIR(_kind(place)):
            yield path
        elif (place / _GIT).exists():  # One that is not checked out is an empty directory.
            inner = _paths(WorkingTree(root=place))
            yield from (str(PurePosixPath(path) / each) for each in inner)


def _below(paths: Iterable[str], beginning: str) -> Iterator[str]:
    return (path.removeprefix(beginning) for path in paths if path.startswith(beginning))


def _walked(folder: Path) -> Iterator[str]:
    """Yield the paths of all that no .gitignore names; deeper ones have the last word."""
    yield from _walk(folder, "", [("", GitIgnoreSpec.from_lines(_REBUILT))])


def _walk(folder: Path, inner: str, specs: Sequence[tuple[str, GitIgnoreSpec]]) -> Iterator[str]:
    directory = folder / inner
    ignore = directory / ".gitignore"
    if ignore.is_file():
        lines = ignore.read_text(errors="replace").splitlines()
        specs = [*specs, (inner, GitIgnoreSpec.from_lines(filter(_is_pattern, lines)))]
    for entry in directory.iterdir():
        path = f"{inner}{entry.name}"
        if entry.name == _GIT:
            continue
        is_directory = stat.S_ISDIR(_kind(entry))
        if _is_ignored(f"{path}/" if is_directory else path, specs):
            continue
        if is_directory:
            yield from _walk(folder, f"{path}/", specs)
        else:
            yield path


def _is_pattern(line: str) -> bool:
    """Tell whether *line* can be read; Git passes over those that cannot as well."""
    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True


def _is_ignored(path: str, specs: Sequence[tuple[str, GitIgnoreSpec]]) -> bool:
    said = (spec.check_file(path.removeprefix(inner)).include for inner, spec in reversed(specs))
    return next((answer for answer in said if answer is not None), False)


def _is_secret(path: str) -> bool:
    name = PurePosixPath(path).name
    return (name == ".env" or name.startswith(".env.")) and name not in _SHOWN_ENV


def _kind(path: Path) -> int:
    """Return what there is at *path*; 0 where it is gone."""
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return 0


def _stays_inside(folder: Path, path: str) -> bool:
    """Tell whether a link leads up at its beginning only, and not above *folder*."""
    target = (folder / path).readlink()
    steps = list(target.parts)
    ups = next((number for number, step in enumerate(steps) if step != ".."), len(steps))
    return not target.is_absolute() and ups < len(path.split("/")) and ".." not in steps[ups:]
