"""The application that a server can import, found in the syntax trees of a project."""

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence

from attrs import evolve, frozen

from pushpaka_core.detection.python.factories import (
    CONSTRUCTORS,
    Factory,
    find_factories,
    followed,
    links_between,
)
from pushpaka_core.detection.python.frameworks import (
    ENTRY_NAMES,
    FACTORY_NAMES,
    FILE_NAMES,
    OBJECT_NAMES,
    Interface,
    WebFramework,
)
from pushpaka_core.detection.python.modules import Module
from pushpaka_core.detection.python.syntax import assignments, imported_names, top_level
from pushpaka_core.domain.build_plans import Evidence, Rejected

_SHOWN_REJECTED = 5
_WRAPPERS = frozenset({"socketio"})
_BLOCKING = frozenset({"uvicorn.run", "aiohttp.web.run_app", "bottle.run", "waitress.serve"})


@frozen(kw_only=True)
class Application:
    """Something that a server can import and serve."""

    framework: WebFramework
    module: Module
    variable: str
    line: int
    attribute: str = ""
    """What of it is served; empty for itself."""
    is_factory: bool = False
    is_async: bool = False

    @property
    def target(self) -> str:
        """Return it as servers write it."""
        attribute = f".{self.attribute}" if self.attribute else ""
        return f"{self.module.name}:{self.variable}{attribute}"

    @property
    def blocks_import(self) -> bool:
        """Tell whether its module runs a server of its own as soon as it is imported."""
        own = f"{self.module.name}.{self.variable}.run"
        return any(
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Call)
            and self.module.resolve(statement.value.func) in {own, *_BLOCKING}
            for statement in top_level(self.module.syntax.body)
        )

    def evidence(self) -> Evidence:
        """Say where it is made."""
        title = self.framework.title
        what = f"{'an' if title.lower().startswith(tuple('aeiou')) else 'a'} {title} application"
        reason = (
            f"the function `{self.variable}` returns {what}"
            if self.is_factory
            else f"`{self.variable}` is {what}"
        )
        return Evidence(reason=reason, path=self.module.path, line=self.line)

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
    importable = [module for module in modules if module.is_importable]
    links = links_between(importable)
    factories = find_factories(importable, links)
    objects = list(_objects(importable, links, factories))
    found = [*objects, *_passed_on(importable, links, objects), *_callable(factories)]
    return tuple(sorted(found, key=lambda application: _preference(application, brought)))


def outranked(applications: Sequence[Application]) -> tuple[Rejected, ...]:
    """Say why the first was taken and not the next ones."""
    if not applications:
        return ()
    winner, *rest = applications
    others = [other for other in rest if not other.attribute or other.module != winner.module]
    return tuple(other.outranked_by(winner) for other in others[:_SHOWN_REJECTED])


def _objects(
    modules: Sequence[Module], links: Mapping[str, str], factories: Mapping[str, Factory]
) -> Iterator[Application]:
    """Yield the variables that hold an application once their module is imported."""
    made_by = {**{name: factory.framework for name, factory in factories.items()}, **CONSTRUCTORS}
    for module in modules:
        inner: dict[str, Application] = {}
        for statement in top_level(module.syntax.body):
            for target, value in assignments(statement):
                called = module.resolve(value.func) if isinstance(value, ast.Call) else None
                name = followed(called, links, made_by)
                known = inner.get(ast.unparse(value)) if isinstance(value, ast.Attribute) else None
                if name:
                    application = _held(module, made_by[name], target.id, statement.lineno)
                    inner[f"{target.id}.{application.attribute}"] = application
                    yield application
                elif known:
                    yield evolve(known, variable=target.id, line=statement.lineno, attribute="")


def _held(module: Module, framework: WebFramework, variable: str, line: int) -> Application:
    return Application(
        framework=framework,
        module=module,
        variable=variable,
        line=line,
        attribute=framework.inner,
    )


def _passed_on(
    modules: Sequence[Module], links: Mapping[str, str], objects: Sequence[Application]
) -> Iterator[Application]:
    """Yield what modules with the name of a program import to have it served by themselves."""
    known = {f"{one.module.name}.{one.variable}": one for one in objects}
    for module in modules:
        if module.stem not in ENTRY_NAMES:
            continue
        for statement in top_level(module.syntax.body):
            for variable, full in imported_names(statement, module.package).items():
                if name := followed(full, links, known):
                    yield evolve(
                        known[name], module=module, variable=variable, line=statement.lineno
                    )


def _callable(factories: Mapping[str, Factory]) -> Iterator[Application]:
    """Yield the functions that a server can call without arguments."""
    for factory in factories.values():
        name, interface = factory.function.name, factory.framework.interface
        is_served = not factory.is_async or interface is Interface.AIOHTTP
        if name in FACTORY_NAMES and is_served and not factory.needs_arguments:
            yield Application(
                framework=factory.framework,
                module=factory.module,
                variable=name,
                line=factory.function.lineno,
                is_factory=True,
                is_async=factory.is_async,
            )


def _preference(
    application: Application, brought: Collection[Interface]
) -> tuple[bool, bool, int, bool, int, bool, bool, int, str, int]:
    names = FACTORY_NAMES if application.is_factory else OBJECT_NAMES
    return (
        application.is_factory,
        application.module.stem not in FILE_NAMES,
        application.module.depth,
        application.framework.interface not in brought,
        _rank(application.module.stem, FILE_NAMES),
        application.framework.name not in _WRAPPERS,
        bool(application.attribute),
        _rank(application.variable, names),
        application.module.path,
        application.line,
    )


def _rank(name: str, names: Sequence[str]) -> int:
    return names.index(name) if name in names else len(names)
