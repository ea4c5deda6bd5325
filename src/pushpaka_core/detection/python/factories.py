"""Finds functions that return an application, in the syntax trees of a project."""

import ast
from collections.abc import Collection, Mapping, Sequence

from attrs import frozen

from pushpaka_core.detection.python.frameworks import WEB_FRAMEWORKS, WebFramework
from pushpaka_core.detection.python.modules import Module
from pushpaka_core.detection.python.syntax import (
    assignments,
    import_time_statements,
    imported_names,
)

CONSTRUCTORS: Mapping[str, WebFramework] = {
    constructor: framework for framework in WEB_FRAMEWORKS for constructor in framework.constructors
}


@frozen(kw_only=True)
class Factory:
    """A function that returns an application."""

    module: Module
    function: ast.FunctionDef | ast.AsyncFunctionDef
    framework: WebFramework

    @property
    def is_async(self) -> bool:
        """Return True if the function is a coroutine function."""
        return isinstance(self.function, ast.AsyncFunctionDef)

    @property
    def needs_arguments(self) -> bool:
        """Return True if the function has required arguments, so that a server cannot call it."""
        return bool(self.required)

    @property
    def required(self) -> tuple[str, ...]:
        """Return the names of the required arguments."""
        arguments = self.function.args
        positional = [*arguments.posonlyargs, *arguments.args]
        by_name = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        needed = (
            *positional[: len(positional) - len(arguments.defaults)],
            *(one for one, default in by_name if default is None),
        )
        return tuple(one.arg for one in needed)

    def reason(self) -> str:
        """Return why a server cannot call the function."""
        place = f"{self.module.path}:{self.function.lineno}"
        return (
            f"`{self.function.name}` in {place} creates a {self.framework.title} application, but"
            f" requires {', '.join(self.required)}. Add a default"
        )


def name_links(modules: Sequence[Module]) -> Mapping[str, str]:
    """Return the full name that each imported name refers to, and the base class of each class."""
    links: dict[str, str] = {}
    for module in modules:
        links.update({f"{module.name}.{name}": full for name, full in module.names.items()})
        for statement in import_time_statements(module.syntax.body):
            if isinstance(statement, ast.ClassDef) and statement.bases:
                base = module.resolve(statement.bases[0])
                links[f"{module.name}.{statement.name}"] = base or ""
    return links


def follow_links(
    name: str | None, links: Mapping[str, str], known_names: Collection[str]
) -> str | None:
    """Follow re-exports and base classes from *name* to one of *known_names*, or return None."""
    seen: set[str] = set()
    while name and name not in known_names and name not in seen:
        seen.add(name)
        name = links.get(name)
    return name if name in known_names else None


def find_factories(modules: Sequence[Module], links: Mapping[str, str]) -> Mapping[str, Factory]:
    """Return the functions that return an application, by full name."""
    return {
        f"{module.name}.{statement.name}": Factory(
            module=module, function=statement, framework=framework
        )
        for module in modules
        for statement in import_time_statements(module.syntax.body)
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        and (framework := _returned_framework(module, statement, links)) is not None
    }


def _returned_framework(
    module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef, links: Mapping[str, str]
) -> WebFramework | None:
    nodes = tuple(ast.walk(function))
    returned = [node.value for node in nodes if isinstance(node, ast.Return) and node.value]
    if not returned:
        return None
    local = _local_imports(module, nodes)

    def framework_of(value: ast.expr | None) -> WebFramework | None:
        called = value.func if isinstance(value, ast.Call) else None
        name = follow_links(module.resolve(called, local), links, CONSTRUCTORS) if called else None
        return CONSTRUCTORS[name] if name else None

    assigned = {
        target.id: framework
        for node in nodes
        for target, value in assignments(node)
        if (framework := framework_of(value)) is not None
    }
    for value in returned:
        by_name = assigned.get(value.id) if isinstance(value, ast.Name) else None
        if framework := by_name or framework_of(value):
            return framework
    return None


def _local_imports(module: Module, nodes: Sequence[ast.AST]) -> Mapping[str, str]:
    names: dict[str, str] = {}
    for node in nodes:
        names.update(imported_names(node, module.package))
    return names
