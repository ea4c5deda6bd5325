"""Selects the files of a folder that are uploaded."""

import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from attrs import frozen
from pathspec import GitIgnoreSpec

from pushpaka_core.adapters.git.working_trees import WorkingTree
from pushpaka_http.cli.folder.working_tree import run_with_git

_GIT = ".git"
_IGNORED_DIRECTORIES = ("node_modules/", ".venv/", "__pycache__/")
"""Directories that are always ignored in folders without Git."""
_ENV_TEMPLATES = frozenset({".env.example", ".env.sample", ".env.template", ".env.dist"})
"""Names of `.env` templates, which contain no secrets."""


@frozen(kw_only=True)
class FolderFiles:
    """The files and links of a folder, as sorted paths: those to upload and those left out."""

    paths: Sequence[str]
    secret: Sequence[str]
    """Untracked `.env` files, which are left out because they may contain secrets."""
    external_links: Sequence[str]
    """Links to targets outside the folder, which are left out."""


def source_files(folder: Path) -> FolderFiles:
    """
    Return the files of *folder* that a commit of the whole folder would contain.

    Raises:
        SettingsError: If the folder is in a Git working tree and git is not installed.
        PlatformFaultError: If git fails.
    """
    found, tracked = _unignored_paths(folder)
    secret = [path for path in found if _is_secret(path) and path not in tracked]
    kinds = {path: _mode(folder / path) for path in found}
    links = [path for path in found if stat.S_ISLNK(kinds[path])]
    leading_out = [path for path in links if not _stays_inside(folder, path)]
    kept = [path for path in found if stat.S_ISREG(kinds[path]) or path in links]
    return FolderFiles(
        paths=sorted({*kept} - {*secret, *leading_out}), secret=secret, external_links=leading_out
    )


def _unignored_paths(folder: Path) -> tuple[list[str], frozenset[str]]:
    """
    Return the paths that are not ignored, and the tracked ones among them if there is a `.env`
    file.
    """
    tree = WorkingTree.find_containing(folder)
    return (
        (sorted(_walk_folder(folder)), frozenset())
        if tree is None
        else _paths_from_git(tree, folder)
    )


def _paths_from_git(tree: WorkingTree, folder: Path) -> tuple[list[str], frozenset[str]]:
    inner = tree.relative_path(folder)
    beginning = f"{inner}/" if inner else ""
    listed = sorted(_paths_below(_paths(tree), beginning))
    if not any(map(_is_secret, listed)):
        return listed, frozenset()
    return listed, frozenset(_paths_below(run_with_git(tree.tracked_paths), beginning))


def _paths(tree: WorkingTree) -> Iterator[str]:
    """Yield the paths that git lists, including those in submodules and nested repositories."""
    for path in filter(None, run_with_git(tree.paths)):
        place = tree.root / path
        if not stat.S_ISDIR(_mode(place)):
            yield path
        # A submodule that is not checked out is an empty directory.
        elif (place / _GIT).exists():
            inner = _paths(WorkingTree(root=place))
            yield from (str(PurePosixPath(path) / each) for each in inner)


def _paths_below(paths: Iterable[str], prefix: str) -> Iterator[str]:
    return (path.removeprefix(prefix) for path in paths if path.startswith(prefix))


def _walk_folder(folder: Path) -> Iterator[str]:
    """
    Yield all paths that are not ignored by a .gitignore file.

    Patterns in deeper directories take precedence.
    """
    yield from _walk(folder, "", [("", GitIgnoreSpec.from_lines(_IGNORED_DIRECTORIES))])


def _walk(
    folder: Path, relative_path: str, specs: Sequence[tuple[str, GitIgnoreSpec]]
) -> Iterator[str]:
    directory = folder / relative_path
    ignore = directory / ".gitignore"
    if ignore.is_file():
        lines = ignore.read_text(errors="replace").splitlines()
        specs = [*specs, (relative_path, GitIgnoreSpec.from_lines(filter(_is_pattern, lines)))]
    for entry in directory.iterdir():
        path = f"{relative_path}{entry.name}"
        if entry.name == _GIT:
            continue
        is_directory = stat.S_ISDIR(_mode(entry))
        if _is_ignored(f"{path}/" if is_directory else path, specs):
            continue
        if is_directory:
            yield from _walk(folder, f"{path}/", specs)
        else:
            yield path


def _is_pattern(line: str) -> bool:
    """Return True if *line* is a valid pattern. Git ignores invalid patterns as well."""
    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True


def _is_ignored(path: str, specs: Sequence[tuple[str, GitIgnoreSpec]]) -> bool:
    decisions = (
        spec.check_file(path.removeprefix(inner)).include for inner, spec in reversed(specs)
    )
    return next((answer for answer in decisions if answer is not None), False)


def _is_secret(path: str) -> bool:
    name = PurePosixPath(path).name
    return (name == ".env" or name.startswith(".env.")) and name not in _ENV_TEMPLATES


def _mode(path: Path) -> int:
    """Return the mode of *path*, or 0 if it no longer exists."""
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return 0


def _stays_inside(folder: Path, path: str) -> bool:
    """
    Return True if a link points into *folder*. ".." is accepted only at the beginning of the link's
    target.
    """
    target = (folder / path).readlink()
    steps = list(target.parts)
    ups = next((number for number, step in enumerate(steps) if step != ".."), len(steps))
    return not target.is_absolute() and ups < len(path.split("/")) and ".." not in steps[ups:]
