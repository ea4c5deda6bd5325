"""Parses the Python modules of a repository. Nothing is imported, so none of its code runs."""

import ast
import warnings
from collections.abc import Collection, Mapping
from threading import Lock

from attrs import field, frozen

from pushpaka_core.detection.python.frameworks import FILE_NAMES
from pushpaka_core.detection.python.import_roots import PARENT_ROOT, ImportLayout
from pushpaka_core.detection.python.syntax import (
    import_time_statements,
    imported_names,
    package_of,
    relevant_nodes,
)
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import RejectedCandidate

_MAX_MODULES = 500
_MAX_NODES = 400_000
_MAX_NODES_PER_MODULE = 100_000
_MAX_LENGTH = 256 * 1024
_MAX_DEPTH = 6
_SKIPPED_DIRECTORIES = frozenset(
    {
        "tests", "test", "testing", "docs", "doc", "examples", "example", "samples", "migrations",
        "node_modules", "venv", "env", "virtualenv", "site_packages", "build", "dist", "vendor",
        "alembic", "benchmarks",
    }
)  # fmt: skip
_FILE_NAME = "<application>"
_PARSE_LOCK = Lock()
"""
Held while a module is parsed, because plans are made in several threads.

CPython 3.11 counts the depth of syntax trees for all threads together, so that a thread switch
during a garbage collection can end in a SystemError. Filters of warnings are shared, too.
"""


@frozen(kw_only=True)
class Module:
    """A parsed module, with the names it uses."""

    path: str
    name: str
    """The dotted name that a server imports, for example "app.main"."""
    root: str
    """The directory that must be on the import path. "." is the application directory."""
    syntax: ast.Module
    names: Mapping[str, str]
    """The full dotted name of each imported name."""
    nodes: tuple[ast.AST, ...] = field(repr=False, eq=False)
    """The nodes at any depth that are relevant to detection."""

    @property
    def stem(self) -> str:
        """Return the file name without its suffix."""
        return self.path.rsplit("/", 1)[-1].removesuffix(".py")

    @property
    def package(self) -> str:
        """Return the package that relative imports start from."""
        return package_of(self.path, self.name)

    @property
    def depth(self) -> int:
        """Return the number of packages that contain the module."""
        return self.name.count(".")

    @property
    def is_importable(self) -> bool:
        """Return True if the module can be imported by its path. Otherwise, it can only be run."""
        return all(part.isidentifier() for part in self.name.split("."))

    def resolve(
        self, expression: ast.expr, local_imports: Mapping[str, str] | None = None
    ) -> str | None:
        """
        Return the full dotted name that *expression* refers to, or None.

        *local_imports* are imports within a function. They take precedence over those of the
        module.
        """
        attributes: list[str] = []
        while isinstance(expression, ast.Attribute):
            attributes.append(expression.attr)
            expression = expression.value
        if not isinstance(expression, ast.Name):
            return None
        name = expression.id
        known = (local_imports or {}).get(name) or self.names.get(name, f"{self.name}.{name}")
        return ".".join((known, *reversed(attributes)))

    def imports(self, package: str) -> bool:
        """Return True if the module imports *package*, also inside functions."""
        return any(
            package == imported.partition(".")[0]
            for node in self.nodes
            for imported in _imported_modules(node)
        )

    def has_string_constant(self, text: str) -> bool:
        """Return True if *text* is one of the string constants."""
        return any(isinstance(node, ast.Constant) and node.value == text for node in self.nodes)


def read_modules(
    tree: FileTree, directory: str, *, excluded_directories: Collection[str] = ()
) -> tuple[tuple[Module, ...], tuple[RejectedCandidate, ...]]:
    """
    Return the modules that may hold an application, and those that could not be read.

    Args:
        tree: The files of the application.
        directory: The location of *tree* in the repository.
        excluded_directories: Directories to ignore, because they are separate applications.
    """
    foreign = tuple(f"{directory}/" for directory in excluded_directories)
    own = (path for path in tree.paths() if not path.startswith(foreign))
    candidates = sorted(filter(_is_candidate, own), key=_preference)
    modules: list[Module] = []
    rejected: list[RejectedCandidate] = []
    layout = ImportLayout.scan(tree, directory)
    left = _MAX_NODES
    for number, path in enumerate(candidates):
        if number == _MAX_MODULES or left <= 0:
            rejected.append(_too_many_modules_rejection(len(candidates) - number))
            break
        result = _parse(path, tree.read(path))
        if isinstance(result, RejectedCandidate):
            rejected.append(result)
            continue
        found = relevant_nodes(result, _MAX_NODES_PER_MODULE)
        left -= found[1] if found else _MAX_NODES_PER_MODULE
        if found:
            modules.append(_module(path, result, layout, found[0]))
        else:
            rejected.append(_skipped_module_rejection(path, "is too large"))
    return tuple(modules), tuple(rejected)


def _is_candidate(path: str) -> bool:
    *directories, file = path.split("/")
    stem, dot, ending = file.rpartition(".")
    return (
        bool(dot and stem)
        and ending == "py"
        and len(directories) < _MAX_DEPTH
        and all(name.isidentifier() for name in directories)
        and not _SKIPPED_DIRECTORIES.intersection(directories)
        and stem not in {"conftest", "setup", "noxfile"}
        and not stem.startswith(("test_", "."))
    )


def _preference(path: str) -> tuple[int, int, str]:
    stem = path.rsplit("/", 1)[-1].removesuffix(".py")
    return path.count("/"), stem not in FILE_NAMES, path


def _module(
    path: str, syntax: ast.Module, layout: ImportLayout, nodes: tuple[ast.AST, ...]
) -> Module:
    root = layout.root_of(path, nodes)
    inner = f"{layout.own_name}/{path}" if root == PARENT_ROOT else path.removeprefix(f"{root}/")
    name = inner.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    names: dict[str, str] = {}
    for statement in import_time_statements(syntax.body):
        names.update(imported_names(statement, package_of(path, name)))
    return Module(path=path, name=name, root=root, syntax=syntax, names=names, nodes=nodes)


def _parse(path: str, text: str | None) -> ast.Module | RejectedCandidate:
    if text is None or len(text) > _MAX_LENGTH:
        return _skipped_module_rejection(path, "is too large or cannot be read")
    try:
        with _PARSE_LOCK, warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=_FILE_NAME)
            return ast.parse(text, filename=_FILE_NAME)
    except SyntaxError as error:
        return _skipped_module_rejection(path, f"has a syntax error in line {error.lineno or 1}")
    except (ValueError, RecursionError, MemoryError):
        return _skipped_module_rejection(path, "cannot be parsed")


def _skipped_module_rejection(path: str, reason: str) -> RejectedCandidate:
    return RejectedCandidate(framework="python", reason=f"{path} {reason} and was skipped")


def _too_many_modules_rejection(number: int) -> RejectedCandidate:
    return RejectedCandidate(framework="python", reason=f"{number} more modules were not analyzed")


def _imported_modules(node: ast.AST) -> tuple[str, ...]:
    match node:
        case ast.Import(names=names):
            return tuple(alias.name for alias in names)
        case ast.ImportFrom(module=str(module), level=0):
            return (module,)
        case _:
            return ()
