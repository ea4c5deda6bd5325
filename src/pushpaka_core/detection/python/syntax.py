"""Extracts names and imports from Python syntax trees."""

import ast
from collections.abc import Iterable, Iterator, Mapping

from pushpaka_core.detection.python.frameworks import STAR_IMPORTS

_RELEVANT_NODES = (
    ast.Import,
    ast.ImportFrom,
    ast.Call,
    ast.Subscript,
    ast.Compare,
    ast.ClassDef,
    ast.Assign,
    ast.Constant,
)


def import_time_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """
    Yield the statements that run on import, including those in `if`, `try` and `with`.

    The body of `if __name__ == "__main__"` is left out.
    """
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
    """
    Return the full names that an import statement binds, by local name.

    Relative imports start from *package*. A star import only binds known constructors.
    """
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
    """Yield the modules of star imports."""
    for statement in import_time_statements(syntax.body):
        match statement:
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                yield _source(statement, package)


def assignments(node: ast.AST) -> Iterator[tuple[ast.Name, ast.expr | None]]:
    """Yield the names that a statement assigns, with their values; of a tuple, the first name."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target
                if isinstance(first, ast.Name):
                    yield first, value
        case ast.AnnAssign(target=ast.Name() as target, value=value):
            yield target, value


def relevant_nodes(syntax: ast.Module, limit: int) -> tuple[tuple[ast.AST, ...], int] | None:
    """
    Return the nodes that are relevant to detection, and the total number of nodes.

    Return None if there are more than *limit* nodes.
    """
    telling: list[ast.AST] = []
    number = 0
    for number, node in enumerate(ast.walk(syntax), 1):
        if number > limit:
            return None
        if isinstance(node, _RELEVANT_NODES):
            telling.append(node)
    return tuple(telling), number


def imported_from(nodes: Iterable[ast.AST]) -> tuple[frozenset[str], frozenset[int]]:
    """Return the full names of absolute imports, and the levels of relative imports."""
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
