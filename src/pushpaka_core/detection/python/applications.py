"""The ASGI or WSGI application of a project, found in its syntax trees."""

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence

from attrs import frozen

from pushpaka_core.detection.python.frameworks import (
    FACTORY_NAMES,
    FILE_NAMES,
    OBJECT_NAMES,
    WEB_FRAMEWORKS,
    Interface,
    WebFramework,
)
from pushpaka_core.detection.python.modules import (
    Module,
    imported_names,
    package_of,
    top_level,
)
from pushpaka_core.domain.build_plans import Evidence, Rejected

_SHOWN_REJECTED = 5
_CONSTRUCTORS = {
    constructor: framework for framework in WEB_FRAMEWORKS for constructor in framework.constructors
}


@frozen(kw_only=True)
class Application:
    """Something that a server can import and serve."""

    framework: WebFramework
    module: Module
    variable: str
    line: int
    is_factory: bool

    @property
    def target(self) -> str:
        """Return it as servers write it."""
        return f"{self.module.name}:{self.variable}"

    def evidence(self) -> Evidence:
        """Say where it is made."""
        what = (
            f"the function `{self.variable}` returns a {self.framework.title} application"
            if self.is_factory
            else f"`{self.variable}` is a {self.framework.title} application"
        )
        return Evidence(reason=what, path=self.module.path, line=self.line)

    def outranked_by(self, winner: "Application") -> Rejected:
        """Say why it was not taken."""
        place, taken = f"{self.module.path}:{self.line}", f"{winner.module.path}:{winner.line}"
        reason = (
            f"`{self.variable}` in {place} would do too,"
            f" but `{winner.variable}` in {taken} comes first"
        )
        return Rejected(framework=self.framework.name, reason=reason)


def find_applications(
    modules: Sequence[Module], brought: Collection[Interface]
) -> tuple[Application, ...]:
    """
    Return all applications, the likeliest first.

    *brought* are the interfaces for which the project brings a server.
    """
    links = _links(modules)
    factories = _factories(modules, links)
    found = [
        *_objects(modules, links, factories),
        *_callable_factories(factories),
    ]
    return tuple(sorted(found, key=lambda application: _preference(application, brought)))


def outranked(applications: Sequence[Application]) -> tuple[Rejected, ...]:
    """Say why the first was taken and not the next ones."""
    if not applications:
        return ()
    winner, *others = applications
    return tuple(other.outranked_by(winner) for other in others[:_SHOWN_REJECTED])


def _links(modules: Sequence[Module]) -> Mapping[str, str]:
    """Return what each importable name stands for; a class stands for what it derives from."""
    links: dict[str, str] = {}
    for module in modules:
        links.update({f"{module.name}.{name}": full for name, full in module.names.items()})
        for statement in top_level(module.syntax.body):
            if isinstance(statement, ast.ClassDef) and statement.bases:
                base = module.resolve(statement.bases[0])
                links[f"{module.name}.{statement.name}"] = base or ""
    return links


def _followed(name: str | None, links: Mapping[str, str], known: Collection[str]) -> str | None:
    """Follow re-exports and base classes from *name* to one of *known*."""
    seen: set[str] = set()
    while name and name not in known and name not in seen:
        seen.add(name)
        name = links.get(name)
    return name if name in known else None


def _factories(
    modules: Sequence[Module], links: Mapping[str, str]
) -> Mapping[str, tuple[Module, ast.FunctionDef, WebFramework]]:
    """Return the functions that return an application, by full name."""
    return {
        f"{module.name}.{statement.name}": (module, statement, framework)
        for module in modules
        for statement in top_level(module.syntax.body)
        if isinstance(statement, ast.FunctionDef)
        and (framework := _returned(module, statement, links)) is not None
    }


def _returned(
    module: Module, function: ast.FunctionDef, links: Mapping[str, str]
) -> WebFramework | None:
    local = _local_imports(module, function)

    def made(value: ast.expr | None) -> WebFramework | None:
        called = value.func if isinstance(value, ast.Call) else None
        name = _followed(module.resolve(called, local), links, _CONSTRUCTORS) if called else None
        return _CONSTRUCTORS[name] if name else None

    assigned = {
        target.id: framework
        for node in ast.walk(function)
        for target, value in _assignments(node)
        if (framework := made(value)) is not None
    }
    for node in ast.walk(function):
        if isinstance(node, ast.Return):
            by_name = assigned.get(node.value.id) if isinstance(node.value, ast.Name) else None
            if framework := by_name or made(node.value):
                return framework
    return None


def _local_imports(module: Module, function: ast.FunctionDef) -> Mapping[str, str]:
    names: dict[str, str] = {}
    package = package_of(module.path, module.name)
    for node in ast.walk(function):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names.update(imported_names(node, package))
    return names


def _assignments(node: ast.AST) -> Iterator[tuple[ast.Name, ast.expr | None]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target, value) for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name() as target, value=value):
            yield target, value


def _objects(
    modules: Sequence[Module],
    links: Mapping[str, str],
    factories: Mapping[str, tuple[Module, ast.FunctionDef, WebFramework]],
) -> Iterator[Application]:
    """Yield the variables that hold an application once their module is imported."""
    made_by = {**{name: made for name, (_, _, made) in factories.items()}, **_CONSTRUCTORS}
    for module in modules:
        for statement in top_level(module.syntax.body):
            for target, value in _assignments(statement):
                called = module.resolve(value.func) if isinstance(value, ast.Call) else None
                name = _followed(called, links, made_by)
                if name:
                    yield Application(
                        framework=made_by[name],
                        module=module,
                        variable=target.id,
                        line=statement.lineno,
                        is_factory=False,
                    )


def _callable_factories(
    factories: Mapping[str, tuple[Module, ast.FunctionDef, WebFramework]],
) -> Iterator[Application]:
    """Yield the functions that a server can call without arguments."""
    for module, function, framework in factories.values():
        if function.name in FACTORY_NAMES and not _required_arguments(function):
            yield Application(
                framework=framework,
                module=module,
                variable=function.name,
                line=function.lineno,
                is_factory=True,
            )


def _required_arguments(function: ast.FunctionDef) -> bool:
    arguments = function.args
    positional = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    return positional > 0 or None in arguments.kw_defaults


def _preference(
    application: Application, brought: Collection[Interface]
) -> tuple[bool, bool, int, bool, int, int, str, int]:
    names = FACTORY_NAMES if application.is_factory else OBJECT_NAMES
    return (
        application.is_factory,
        application.module.stem not in FILE_NAMES,
        application.module.depth,
        application.framework.interface not in brought,
        _rank(application.module.stem, FILE_NAMES),
        _rank(application.variable, names),
        application.module.path,
        application.line,
    )


def _rank(name: str, names: Sequence[str]) -> int:
    return names.index(name) if name in names else len(names)
