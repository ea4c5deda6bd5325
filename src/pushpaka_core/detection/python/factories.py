"""Functions that return an application, found in the syntax trees."""

import ast
from collections.abc import Collection, Mapping, Sequence

from attrs import frozen

from pushpaka_core.detection.python.frameworks import WEB_FRAMEWORKS, WebFramework
from pushpaka_core.detection.python.modules import Module
from pushpaka_core.detection.python.syntax import assignments, imported_names, top_level

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
        """Tell whether it has to be awaited."""
        return isinstance(self.function, ast.AsyncFunctionDef)

    @property
    def needs_arguments(self) -> bool:
        """Tell whether nobody can call it without knowing more."""
        return bool(self.required)

    @property
    def required(self) -> tuple[str, ...]:
        """Return the names of the arguments that it must be given."""
        arguments = self.function.args
        positional = [*arguments.posonlyargs, *arguments.args]
        by_name = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        needed = (
            *positional[: len(positional) - len(arguments.defaults)],
            *(one for one, default in by_name if default is None),
        )
        return tuple(one.arg for one in needed)

    def reason(self) -> str:
        """Say why a server cannot call it."""
        place = f"{self.module.path}:{self.function.lineno}"
        return (
            f"`{self.function.name}` in {place} makes a {self.framework.title} application, but"
            f" needs {', '.join(self.required)}: give it a default"
        )


def links_between(modules: Sequence[Module]) -> Mapping[str, str]:
    """Return what each importable name stands for; a class stands for what it derives from."""
    links: dict[str, str] = {}
    for module in modules:
        links.update({f"{module.name}.{name}": full for name, full in module.names.items()})
        for statement in top_level(module.syntax.body):
            if isinstance(statement, ast.ClassDef) and statement.bases:
                base = module.resolve(statement.bases[0])
                links[f"{module.name}.{statement.name}"] = base or ""
    return links


def followed(name: str | None, links: Mapping[str, str], known: Collection[str]) -> str | None:
    """Follow re-exports and base classes from *name* to one of *known*."""
    seen: set[str] = set()
    while name and name not in known and name not in seen:
        seen.add(name)
        name = links.get(name)
    return name if name in known else None


def find_factories(modules: Sequence[Module], links: Mapping[str, str]) -> Mapping[str, Factory]:
    """Return the functions that return an application, by full name."""
    return {
        f"{module.name}.{statement.name}": Factory(
            module=module, function=statement, framework=framework
        )
        for module in modules
        for statement in top_level(module.syntax.body)
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        and (framework := _returned(module, statement, links)) is not None
    }


def _returned(
    module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef, links: Mapping[str, str]
) -> WebFramework | None:
    nodes = tuple(ast.walk(function))
    returned = [node.value for node in nodes if isinstance(node, ast.Return) and node.value]
    if not returned:
        return None
    local = _local_imports(module, nodes)

    def made(value: ast.expr | None) -> WebFramework | None:
        called = value.func if isinstance(value, ast.Call) else None
        name = followed(module.resolve(called, local), links, CONSTRUCTORS) if called else None
        return CONSTRUCTORS[name] if name else None

    assigned = {
        target.id: framework
        for node in nodes
        for target, value in assignments(node)
        if (framework := made(value)) is not None
    }
    for value in returned:
        by_name = assigned.get(value.id) if isinstance(value, ast.Name) else None
        if framework := by_name or made(value):
            return framework
    return None


def _local_imports(module: Module, nodes: Sequence[ast.AST]) -> Mapping[str, str]:
    names: dict[str, str] = {}
    for node in nodes:
        names.update(imported_names(node, module.package))
    return names
