"""Python source as syntax: parsed, never imported, so that nothing of the repository is run."""

import ast
import warnings
from collections.abc import Collection, Mapping

from attrs import field, frozen

from pushpaka_core.detection.python.frameworks import FILE_NAMES
from pushpaka_core.detection.python.layout import ABOVE, Layout
from pushpaka_core.detection.python.syntax import (
    imported_names,
    package_of,
    telling_nodes,
    top_level,
)
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import Rejected

_MOST_MODULES = 500
_MOST_NODES = 400_000
_MOST_NODES_OF_ONE = 100_000
_LONGEST = 256 * 1024
_DEEPEST = 6
_PASSED_OVER = frozenset(
    {
        "tests", "test", "testing", "docs", "doc", "examples", "example", "samples", "migrations",
        "node_modules", "venv", "env", "virtualenv", "site_packages", "build", "dist", "vendor",
        "alembic", "benchmarks",
    }
)  # fmt: skip
_FILE_NAME = "<application>"


@frozen(kw_only=True)
class Module:
    """One parsed file, with what its names stand for."""

    path: str
    name: str
    """As a server imports it, as in "app.main"."""
    root: str
    """The directory that must be on the import path; "." is the application's own."""
    syntax: ast.Module
    names: Mapping[str, str]
    """Full names by the names that the module itself uses."""
    nodes: tuple[ast.AST, ...] = field(repr=False, eq=False)
    """The nodes at any depth that tell something."""

    @property
    def stem(self) -> str:
        """Return the file's name without its ending."""
        return self.path.rsplit("/", 1)[-1].removesuffix(".py")

    @property
    def package(self) -> str:
        """Return the package that its relative imports start from."""
        return package_of(self.path, self.name)

    @property
    def depth(self) -> int:
        """Return how far below the import path it lies."""
        return self.name.count(".")

    @property
    def is_importable(self) -> bool:
        """Tell whether its path is a name that can be imported, and not only run."""
        return all(part.isidentifier() for part in self.name.split("."))

    def resolve(self, expression: ast.expr, local: Mapping[str, str] | None = None) -> str | None:
        """Return the full name of what a dotted *expression* stands for."""
        attributes: list[str] = []
        while isinstance(expression, ast.Attribute):
            attributes.append(expression.attr)
            expression = expression.value
        if not isinstance(expression, ast.Name):
            return None
        name = expression.id
        known = (local or {}).get(name) or self.names.get(name, f"{self.name}.{name}")
        return ".".join((known, *reversed(attributes)))

    def imports(self, package: str) -> bool:
        """Tell whether it imports *package*; functions count, where programs like to do it late."""
        return any(
            package == imported.partition(".")[0]
            for node in self.nodes
            for imported in _imported(node)
        )

    def mentions(self, text: str) -> bool:
        """Tell whether *text* is one of its strings."""
        return any(isinstance(node, ast.Constant) and node.value == text for node in self.nodes)


def read_modules(
    tree: FileTree, directory: str, *, without: Collection[str] = ()
) -> tuple[tuple[Module, ...], tuple[Rejected, ...]]:
    """
    Return the modules that may hold an application, and those that could not be read.

    The tree lies in *directory* of the repository; what lies in the directories
    *without* belongs to somebody else.
    """
    foreign = tuple(f"{directory}/" for directory in without)
    own = (path for path in tree.paths() if not path.startswith(foreign))
    candidates = sorted(filter(_may_matter, own), key=_preference)
    modules: list[Module] = []
    rejected: list[Rejected] = []
    layout = Layout.of(tree, directory)
    left = _MOST_NODES
    for number, path in enumerate(candidates):
        if number == _MOST_MODULES or left <= 0:
            rejected.append(_too_many(len(candidates) - number))
            break
        answer = _parse(path, tree.read(path))
        if isinstance(answer, Rejected):
            rejected.append(answer)
            continue
        found = telling_nodes(answer, _MOST_NODES_OF_ONE)
        left -= found[1] if found else _MOST_NODES_OF_ONE
        if found:
            modules.append(_module(path, answer, layout, found[0]))
        else:
            rejected.append(_passed_over(path, "is too large"))
    return tuple(modules), tuple(rejected)


def _may_matter(path: str) -> bool:
    *directories, file = path.split("/")
    stem, dot, ending = file.rpartition(".")
    return (
        bool(dot and stem)
        and ending == "py"
        and len(directories) < _DEEPEST
        and all(name.isidentifier() for name in directories)
        and not _PASSED_OVER.intersection(directories)
        and stem not in {"conftest", "setup", "noxfile"}
        and not stem.startswith(("test_", "."))
    )


def _preference(path: str) -> tuple[int, int, str]:
    stem = path.rsplit("/", 1)[-1].removesuffix(".py")
    return path.count("/"), stem not in FILE_NAMES, path


def _module(path: str, syntax: ast.Module, layout: Layout, nodes: tuple[ast.AST, ...]) -> Module:
    root = layout.root_of(path, nodes)
    inner = f"{layout.own_name}/{path}" if root == ABOVE else path.removeprefix(f"{root}/")
    name = inner.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    names: dict[str, str] = {}
    for statement in top_level(syntax.body):
        names.update(imported_names(statement, package_of(path, name)))
    return Module(path=path, name=name, root=root, syntax=syntax, names=names, nodes=nodes)


def _parse(path: str, text: str | None) -> ast.Module | Rejected:
    if text is None or len(text) > _LONGEST:
        return _passed_over(path, "is too large or cannot be read")
    try:
        # Only warnings about this text are silenced, so a race with another thread is harmless.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=_FILE_NAME)
            return ast.parse(text, filename=_FILE_NAME)
    except SyntaxError as error:
        return _passed_over(path, f"has a syntax error in line {error.lineno or 1}")
    except (ValueError, RecursionError, MemoryError):
        return _passed_over(path, "cannot be parsed")


def _passed_over(path: str, reason: str) -> Rejected:
    return Rejected(framework="python", reason=f"{path} {reason}, and was passed over")


def _too_many(number: int) -> Rejected:
    return Rejected(framework="python", reason=f"{number} more modules were not looked at")


def _imported(node: ast.AST) -> tuple[str, ...]:
    match node:
        case ast.Import(names=names):
            return tuple(alias.name for alias in names)
        case ast.ImportFrom(module=str(module), level=0):
            return (module,)
        case _:
            return ()
