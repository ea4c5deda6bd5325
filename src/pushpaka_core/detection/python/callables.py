"""Applications of no known framework, which the server that a project brings can serve."""

import ast
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet

from attrs import frozen

from pushpaka_core.detection.python.frameworks import Interface
from pushpaka_core.detection.python.modules import Module
from pushpaka_core.detection.python.servers import SERVERS
from pushpaka_core.detection.python.syntax import assignments, imported_names, top_level
from pushpaka_core.domain.build_plans import Evidence

_STEMS = ("wsgi", "asgi", "app", "main")
_VARIABLES = ("application", "app")
_BY_STEM = {"wsgi": Interface.WSGI, "asgi": Interface.ASGI}
_BY_ARGUMENTS = {2: Interface.WSGI, 3: Interface.ASGI}
_OTHERS = frozenset(
    {
        "celery", "typer", "cyclopts", "discord", "telegram", "slack_bolt", "flet", "tkinter",
        "customtkinter", "textual", "kivy", "PyQt5", "PyQt6", "PySide6", "wx", "argparse",
    }
)  # fmt: skip
"""Packages whose applications answer no requests."""


@frozen(kw_only=True)
class ServedCallable:
    """Something that a server can call for each request."""

    module: Module
    variable: str
    line: int
    interface: Interface

    @property
    def target(self) -> str:
        """Return it as servers write it."""
        return f"{self.module.name}:{self.variable}"

    def evidence(self) -> Evidence:
        """Say where it is made."""
        reason = f"`{self.variable}` is there for a server of {self.interface}"
        return Evidence(reason=reason, path=self.module.path, line=self.line)


def find_callable(modules: Sequence[Module], brought: Collection[str]) -> ServedCallable | None:
    """Return the likeliest one for which a server is among the packages that are *brought*."""
    interfaces = {one.interface for one in SERVERS if one.package in brought}
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
    for statement in top_level(module.syntax.body):
        for variable, interface in _bound(module, statement, spoken):
            if variable in _VARIABLES:
                yield ServedCallable(
                    module=module,
                    variable=variable,
                    line=statement.lineno,
                    interface=interface,
                )


def _bound(
    module: Module, statement: ast.stmt, spoken: Interface
) -> Iterator[tuple[str, Interface]]:
    """Yield the names that a statement binds to what may be called, with their interfaces."""
    match statement:
        case (
            ast.FunctionDef(name=name, args=arguments)
            | ast.AsyncFunctionDef(name=name, args=arguments)
        ):
            if interface := _BY_ARGUMENTS.get(len(arguments.posonlyargs) + len(arguments.args)):
                yield name, interface
        case ast.ImportFrom() if module.stem in _BY_STEM:
            yield from ((name, spoken) for name in imported_names(statement, module.package))
        case _:
            for target, value in assignments(statement):
                full = module.resolve(value.func) if isinstance(value, ast.Call) else None
                is_own = full is None or full.startswith(f"{module.name}.")
                if full and not is_own and full.partition(".")[0] not in _OTHERS:
                    yield target.id, spoken


def _preference(one: ServedCallable) -> tuple[int, int, int, str]:
    module = one.module
    return module.depth, _STEMS.index(module.stem), _VARIABLES.index(one.variable), module.path
