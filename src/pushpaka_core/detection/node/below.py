"""The one directory of a repository that holds an application, where its top says nothing."""

from collections.abc import Iterator

from pushpaka_core.detection.node.manifest import FILE
from pushpaka_core.detection.tree import FileTree

_OTHERS = frozenset(
    {
        "requirements.txt", "pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "manage.py",
        "deno.json", "deno.jsonc", "go.mod", "go.work", "main.go", "Cargo.toml", "Gemfile",
        "composer.json", "index.php", "pom.xml", "build.gradle", "build.gradle.kts", "mix.exs",
        "index.html", "Dockerfile", "Staticfile", "start.sh",
    }
)  # fmt: skip
"""Files that speak for an application of another kind."""
_WORDS = ("Procfile", "pushpaka.toml")
"""They count where root_dir leads to them; to pass them over would be worse than to ask."""
_PASSED_OVER = frozenset(
    {
        "tests", "test", "e2e", "cypress", "docs", "doc", "examples", "example", "samples",
        "scripts", "tools", "node_modules", "vendor", "benchmarks",
    }
)  # fmt: skip


def only_directory(tree: FileTree) -> str | None:
    """Return the directory just below the top that alone holds something, a package.json."""
    parts = [path.split("/") for path in tree.paths()]
    if any(name in _OTHERS for name, *inner in parts if not inner):
        return None
    places = {place: name for place, name in _signs(parts) if place not in _PASSED_OVER}
    if list(places.values()) != [FILE]:
        return None
    [place] = places
    return None if any(tree.exists(f"{place}/{name}") for name in _WORDS) else place


def _signs(parts: list[list[str]]) -> Iterator[tuple[str, str]]:
    """Yield each directory with what speaks for it; what is not for Node.js comes last."""
    pairs = [(path[0], path[1]) for path in parts if len(path) == 2]
    yield from (pair for pair in pairs if pair[1] == FILE)
    yield from (pair for pair in pairs if pair[1] in _OTHERS - {"index.html"})
