"""Finds WSGI and ASGI callables of unknown frameworks, for the server that a project installs."""

import ast
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet

from attrs import frozen

from pushpaka_core.detection.python.frameworks import Interface
from pushpaka_core.detection.python.modules import Module
from pushpaka_core.detection.python.servers import SERVERS
from pushpaka_core.detection.python.syntax import (
    assignments,
    import_time_statements,
    imported_names,
)
from pushpaka_core.domain.pipeline.build_plans import Evidence

_STEMS = ("wsgi", "asgi", "app", "main")
_VARIABLES = ("application", "app")
_BY_STEM = {"wsgi": Interface.WSGI, "asgi": Interface.ASGI}
_BY_ARGUMENTS = {2: Interface.WSGI, 3: Interface.ASGI}
_NON_WEB_PACKAGES = frozenset(
    {
        "celery", "typer", "cyclopts", "discord", "telegram", "slack_bolt", "flet", "tkinter",
        "customtkinter", "textual", "kivy", "PyQt5", "PyQt6", "PySide6", "wx", "argparse",
    }
)  # fmt: skip
"""Packages whose application objects do not handle HTTP requests."""


@frozen(kw_only=True)
class ServedCallable:
    """An object that a WSGI or ASGI server can call."""

    module: Module
    variable: str
    line: int
    interface: Interface

    @property
    def target(self) -> str:
        """Return the import string for servers, for example "wsgi:application"."""
        return f"{self.module.name}:{self.variable}"

    def evidence(self) -> Evidence:
        """Return the line that defines the callable, as evidence."""
        reason = f"`{self.variable}` can be served by a server for {self.interface}"
        return Evidence(reason=reason, path=self.module.path, line=self.line)


def find_callable(
    modules: Sequence[Module], installed_packages: Collection[str]
) -> ServedCallable | None:
    """Return the best callable that a server in *installed_packages* can serve, or None."""
    interfaces = {one.interface for one in SERVERS if one.package in installed_packages}
    found = (
        one
        for module in modules
        if module.is_importable and module.stem in _STEMS
        for one in _callables_in(module, interfaces)
        if one.interface in interfaces
    )
    return min(found, key=_preference, default=None)


def _callables_in(module: Module, interfaces: AbstractSet[Interface]) -> Iterator[ServedCallable]:
    spoken = _BY_STEM.get(module.stem) or next(
        (one for one in (Interface.ASGI, Interface.WSGI) if one in interfaces), Interface.WSGI
    )
    for statement in import_time_statements(module.syntax.body):
        for variable, interface in _bound_names(module, statement, spoken):
            if variable in _VARIABLES:
                yield ServedCallable(
                    module=module,
                    variable=variable,
                    line=statement.lineno,
                    interface=interface,
                )


def _bound_names(
    module: Module, statement: ast.stmt, default_interface: Interface
) -> Iterator[tuple[str, Interface]]:
    """Yield the names that a statement binds to a possible callable, with their interfaces."""
    match statement:
        case (
            ast.FunctionDef(name=name, args=arguments)
            | ast.AsyncFunctionDef(name=name, args=arguments)
        ):
            if interface := _BY_ARGUMENTS.get(len(arguments.posonlyargs) + len(arguments.args)):
                yield name, interface
        case ast.ImportFrom() if module.stem in _BY_STEM:
            yield from (
                (name, default_interface) for name in imported_names(statement, module.package)
            )
        case _:
            for target, value in assignments(statement):
                full = module.resolve(value.func) if isinstance(value, ast.Call) else None
                is_own = full is None or full.startswith(f"{module.name}.")
                if full and not is_own and full.partition(".")[0] not in _NON_WEB_PACKAGES:
                    yield target.id, default_interface


def _preference(served_callable: ServedCallable) -> tuple[int, int, int, str]:
    module = served_callable.module
    return (
        module.depth,
        _STEMS.index(module.stem),
        _VARIABLES.index(served_callable.variable),
        module.path,
    )
