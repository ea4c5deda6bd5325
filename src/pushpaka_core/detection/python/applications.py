"""Finds application objects that a server can import, in the syntax trees of a project."""

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence

from attrs import evolve, frozen

from pushpaka_core.detection.python.factories import (
    CONSTRUCTORS,
    Factory,
    find_factories,
    follow_links,
    name_links,
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
from pushpaka_core.detection.python.syntax import (
    assignments,
    import_time_statements,
    imported_names,
)
from pushpaka_core.domain.pipeline.build_plans import Evidence, RejectedCandidate

_SHOWN_REJECTED = 5
_WRAPPERS = frozenset({"socketio"})
_BLOCKING_CALLS = frozenset({"uvicorn.run", "aiohttp.web.run_app", "bottle.run", "waitress.serve"})


@frozen(kw_only=True)
class Application:
    """An application object, or a function that returns one."""

    framework: WebFramework
    module: Module
    variable: str
    line: int
    attribute: str = ""
    """
    The attribute to serve, for example `server` of a Dash object. Empty means the object itself.
    """
    is_factory: bool = False
    is_async: bool = False

    @property
    def target(self) -> str:
        """Return the import string for servers, for example "app.main:app"."""
        attribute = f".{self.attribute}" if self.attribute else ""
        return f"{self.module.name}:{self.variable}{attribute}"

    @property
    def blocks_import(self) -> bool:
        """Return True if importing the module starts a server and never returns."""
        own = f"{self.module.name}.{self.variable}.run"
        return any(
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Call)
            and self.module.resolve(statement.value.func) in {own, *_BLOCKING_CALLS}
            for statement in import_time_statements(self.module.syntax.body)
        )

    def evidence(self) -> Evidence:
        """Return the line that creates the application, as evidence."""
        title = self.framework.title
        description = (
            f"{'an' if title.lower().startswith(tuple('aeiou')) else 'a'} {title} application"
        )
        reason = (
            f"the function `{self.variable}` returns {description}"
            if self.is_factory
            else f"`{self.variable}` is {description}"
        )
        return Evidence(reason=reason, path=self.module.path, line=self.line)

    def outranked_by(self, winner: "Application") -> RejectedCandidate:
        """Return this application as a rejected candidate, because *winner* was preferred."""
        place, taken = f"{self.module.path}:{self.line}", f"{winner.module.path}:{winner.line}"
        reason = (
            f"`{self.variable}` in {place} is an application too,"
            f" but `{winner.variable}` in {taken} is used"
        )
        return RejectedCandidate(framework=self.framework.name, reason=reason)


def find_applications(
    modules: Sequence[Module], installed_interfaces: Collection[Interface]
) -> tuple[Application, ...]:
    """
    Return all applications in *modules*, best candidate first.

    *installed_interfaces* are the interfaces for which the project installs a server. Applications
    with these interfaces are preferred.
    """
    importable = [module for module in modules if module.is_importable]
    links = name_links(importable)
    factories = find_factories(importable, links)
    objects = list(_application_objects(importable, links, factories))
    found = [
        *objects,
        *_reexported_applications(importable, links, objects),
        *_factory_applications(factories),
    ]
    return tuple(
        sorted(found, key=lambda application: _sort_key(application, installed_interfaces))
    )


def outranked_applications(applications: Sequence[Application]) -> tuple[RejectedCandidate, ...]:
    """Return the applications that were not chosen, with the reasons."""
    if not applications:
        return ()
    winner, *rest = applications
    others = [other for other in rest if not other.attribute or other.module != winner.module]
    return tuple(other.outranked_by(winner) for other in others[:_SHOWN_REJECTED])


def _application_objects(
    modules: Sequence[Module], links: Mapping[str, str], factories: Mapping[str, Factory]
) -> Iterator[Application]:
    """Yield the module variables that hold an application after import."""
    made_by = {**{name: factory.framework for name, factory in factories.items()}, **CONSTRUCTORS}
    for module in modules:
        inner: dict[str, Application] = {}
        for statement in import_time_statements(module.syntax.body):
            for target, value in assignments(statement):
                called = module.resolve(value.func) if isinstance(value, ast.Call) else None
                name = follow_links(called, links, made_by)
                known = inner.get(ast.unparse(value)) if isinstance(value, ast.Attribute) else None
                if name:
                    application = _application_in(
                        module, made_by[name], target.id, statement.lineno
                    )
                    inner[f"{target.id}.{application.attribute}"] = application
                    yield application
                elif known:
                    yield evolve(known, variable=target.id, line=statement.lineno, attribute="")


def _application_in(
    module: Module, framework: WebFramework, variable: str, line: int
) -> Application:
    return Application(
        framework=framework,
        module=module,
        variable=variable,
        line=line,
        attribute=framework.inner,
    )


def _reexported_applications(
    modules: Sequence[Module], links: Mapping[str, str], objects: Sequence[Application]
) -> Iterator[Application]:
    """Yield applications that a module with an entry point name imports from another module."""
    known = {f"{one.module.name}.{one.variable}": one for one in objects}
    for module in modules:
        if module.stem not in ENTRY_NAMES:
            continue
        for statement in import_time_statements(module.syntax.body):
            for variable, full in imported_names(statement, module.package).items():
                if name := follow_links(full, links, known):
                    yield evolve(
                        known[name], module=module, variable=variable, line=statement.lineno
                    )


def _factory_applications(factories: Mapping[str, Factory]) -> Iterator[Application]:
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


def _sort_key(
    application: Application, installed_interfaces: Collection[Interface]
) -> tuple[bool, bool, int, bool, int, bool, bool, int, str, int]:
    names = FACTORY_NAMES if application.is_factory else OBJECT_NAMES
    return (
        application.is_factory,
        application.module.stem not in FILE_NAMES,
        application.module.depth,
        application.framework.interface not in installed_interfaces,
        _rank(application.module.stem, FILE_NAMES),
        application.framework.name not in _WRAPPERS,
        bool(application.attribute),
        _rank(application.variable, names),
        application.module.path,
        application.line,
    )


def _rank(name: str, names: Sequence[str]) -> int:
    return names.index(name) if name in names else len(names)
