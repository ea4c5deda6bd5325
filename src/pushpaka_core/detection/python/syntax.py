"""What Python's statements mean for the names of a module."""

import ast
from collections.abc import Iterable, Iterator, Mapping

from pushpaka_core.detection.python.frameworks import STAR_IMPORTS

_TELLING = (
    ast.Import,
    ast.ImportFrom,
    ast.Call,
    ast.Subscript,
    ast.Compare,
    ast.ClassDef,
    ast.Assign,
    ast.Constant,
)


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


def imported_names(statement: ast.AST, package: str) -> Mapping[str, str]:
    """Return what an import statement in *package* binds, by name; of stars, what is known."""
    match statement:
        case ast.Import(names=names):
            aliased = {alias.asname: alias.name for alias in names if alias.asname}
            plain = (alias.name.partition(".")[0] for alias in names if not alias.asname)
            return {**aliased, **{name: name for name in plain}}
        case ast.ImportFrom(names=[ast.alias(name="*")]):
            source = _source(statement, package)
            return {name: f"{source}.{name}" for name in STAR_IMPORTS.get(source, ())}
        case ast.ImportFrom(names=names):
            source = _source(statement, package)
            return {alias.asname or alias.name: f"{source}.{alias.name}" for alias in names}
        case _:
            return {}


def star_sources(syntax: ast.Module, package: str) -> Iterator[str]:
    """Yield the modules from which everything is imported."""
    for statement in top_level(syntax.body):
        match statement:
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                yield _source(statement, package)


def assignments(node: ast.AST) -> Iterator[tuple[ast.Name, ast.expr | None]]:
    """Yield the names that a statement binds, with their values; of a tuple, its first name."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target
                if isinstance(first, ast.Name):
                    yield first, value
        case ast.AnnAssign(target=ast.Name() as target, value=value):
            yield target, value


def telling_nodes(syntax: ast.Module, most: int) -> tuple[tuple[ast.AST, ...], int] | None:
    """
    Return the nodes that tell of imports, calls and settings, and the number of all nodes.

    None stands for more than *most* of all.
    """
    telling: list[ast.AST] = []
    number = 0
    for number, node in enumerate(ast.walk(syntax), 1):
        if number > most:
            return None
        if isinstance(node, _TELLING):
            telling.append(node)
    return tuple(telling), number


def imported_from(nodes: Iterable[ast.AST]) -> tuple[frozenset[str], frozenset[int]]:
    """Return all that is imported, by its absolute name, and the levels of relative imports."""
    absolute: set[str] = set()
    levels: set[int] = set()
    for node in nodes:
        match node:
            case ast.Import(names=names):
                absolute.update(alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                absolute.update(f"{module}.{alias.name}" for alias in names)
            case ast.ImportFrom(level=int(level)):
                levels.add(level)
    return frozenset(absolute), frozenset(levels)


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
