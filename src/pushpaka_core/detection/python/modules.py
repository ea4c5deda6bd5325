"""Python source as syntax: parsed, never imported, so that nothing of the repository is run."""

import ast
import sys
import warnings
from collections.abc import Iterator, Mapping

from attrs import frozen

from pushpaka_core.detection.python.frameworks import FILE_NAMES
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import Rejected

_MOST_MODULES = 500
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

    @property
    def stem(self) -> str:
        """Return the file's name without its ending."""
        return self.path.rsplit("/", 1)[-1].removesuffix(".py")

    @property
    def depth(self) -> int:
        """Return how far below the import path it lies."""
        return self.name.count(".")

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


def read_modules(tree: FileTree) -> tuple[tuple[Module, ...], tuple[Rejected, ...]]:
    """Return the modules that may hold an application, and those that could not be read."""
    candidates = sorted(filter(_may_matter, tree.paths()), key=_preference)
    modules: list[Module] = []
    rejected: list[Rejected] = []
    layout = _Layout.of(tree)
    for path in candidates[:_MOST_MODULES]:
        answer = _parse(path, tree.read(path))
        if isinstance(answer, Rejected):
            rejected.append(answer)
        else:
            modules.append(layout.module(path, answer))
    return tuple(modules), tuple(rejected)


def top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield what runs at import, also inside `if` and `try`, but not what only a script runs."""
    waiting = list(reversed(body))
    while waiting:
        statement = waiting.pop()
        yield statement
        match statement:
            case ast.If() if not _is_script_guard(statement.test):
                waiting.extend(reversed([*statement.body, *statement.orelse]))
            case ast.Try():
                handlers = [inner for handler in statement.handlers for inner in handler.body]
                inner = [*statement.body, *handlers, *statement.orelse, *statement.finalbody]
                waiting.extend(reversed(inner))
            case ast.With():
                waiting.extend(reversed(statement.body))


def imported_names(statement: ast.stmt, package: str) -> Mapping[str, str]:
    """Return what an import statement in *package* binds, by name."""
    match statement:
        case ast.Import(names=names):
            aliased = {alias.asname: alias.name for alias in names if alias.asname}
            plain = (alias.name.partition(".")[0] for alias in names if not alias.asname)
            return {**aliased, **{name: name for name in plain}}
        case ast.ImportFrom(names=names):
            source = _source(statement, package)
            return {alias.asname or alias.name: f"{source}.{alias.name}" for alias in names}
        case _:
            return {}


def package_of(path: str, name: str) -> str:
    """Return the package that relative imports in the module start from."""
    return name if path.endswith("/__init__.py") else name.rpartition(".")[0]


def _source(statement: ast.ImportFrom, package: str) -> str:
    if not statement.level:
        return statement.module or ""
    parents = package.split(".")
    kept = parents[: len(parents) - statement.level + 1]
    return ".".join((*kept, *((statement.module,) if statement.module else ())))


def _is_script_guard(test: ast.expr) -> bool:
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == "__name__"
    )


def _may_matter(path: str) -> bool:
    *directories, file = path.split("/")
    stem, dot, ending = file.rpartition(".")
    names = [*directories, stem]
    return (
        bool(dot)
        and ending == "py"
        and len(names) <= _DEEPEST
        and all(name.isidentifier() for name in names)
        and not _PASSED_OVER.intersection(directories)
        and stem not in {"conftest", "setup", "noxfile"}
        and not stem.startswith("test_")
    )


def _preference(path: str) -> tuple[int, int, str]:
    stem = path.rsplit("/", 1)[-1].removesuffix(".py")
    return path.count("/"), stem not in FILE_NAMES, path


def _parse(path: str, text: str | None) -> ast.Module | Rejected:
    if text is None:
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


@frozen(kw_only=True)
class _Layout:
    """Where imports of the repository start."""

    seconds: Mapping[str, frozenset[str]]
    """The importable names in each directory of the first level."""

    @classmethod
    def of(cls, tree: FileTree) -> "_Layout":
        found: dict[str, set[str]] = {}
        for path in tree.paths():
            first, slash, rest = path.partition("/")
            second, deeper, _ = rest.partition("/")
            if slash and (deeper or second.endswith(".py")):
                found.setdefault(first, set()).add(second.removesuffix(".py"))
        return cls(seconds={first: frozenset(names) for first, names in found.items()})

    def module(self, path: str, syntax: ast.Module) -> Module:
        root = self._root(path, syntax)
        inner = path if root == "." else path.removeprefix(f"{root}/")
        name = inner.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return Module(
            path=path,
            name=name,
            root=root,
            syntax=syntax,
            names=_names(syntax, package_of(path, name)),
        )

    def _root(self, path: str, syntax: ast.Module) -> str:
        """Return the directory from which the file's own imports make sense."""
        first, *rest = path.split("/")
        if not rest or "__init__" in self.seconds.get(first, ()):
            return "."
        absolute, relative = _imported_from(syntax)
        if first in absolute or any(level >= len(rest) for level in relative):
            return "."
        beside = (absolute & self.seconds[first]) - sys.stdlib_module_names
        return first if first == "src" or beside else "."


def _imported_from(syntax: ast.Module) -> tuple[frozenset[str], frozenset[int]]:
    """Return the first names of all absolute imports, and the levels of the relative ones."""
    absolute: set[str] = set()
    levels: set[int] = set()
    for node in ast.walk(syntax):
        match node:
            case ast.Import(names=names):
                absolute.update(alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                absolute.add(module.partition(".")[0])
            case ast.ImportFrom(level=int(level)):
                levels.add(level)
    return frozenset(absolute), frozenset(levels)


def _names(syntax: ast.Module, package: str) -> Mapping[str, str]:
    names: dict[str, str] = {}
    for statement in top_level(syntax.body):
        names.update(imported_names(statement, package))
    return names
