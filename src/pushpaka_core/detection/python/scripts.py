"""Applications that are files to be run, not objects to be imported."""

import ast
import shlex
from collections.abc import Collection, Iterator, Sequence

from attrs import frozen

from pushpaka_core.detection.python.frameworks import FILE_NAMES
from pushpaka_core.detection.python.modules import Module
from pushpaka_core.detection.python.programs import PLAIN, RUN, SCRIPT_FRAMEWORKS, ScriptFramework
from pushpaka_core.domain.build_plans import Evidence

_DIRECTORIES = frozenset({"", "src", "app"})
_NAMES = tuple(name for name in FILE_NAMES if name not in {"__init__", "__main__"})
_PAGES = "pages"
_SERVERS = frozenset({"app", "application", "api", "server", "uvicorn", "web"})
_LISTENING = frozenset(
    {
        "listen", "serve", "serve_forever", "start_server", "create_server", "make_server",
        "run_app", "launch", "HTTPServer", "ThreadingHTTPServer", "TCPServer", "WSGIServer",
    }
)  # fmt: skip
"""Calls by which programs without a known framework begin to listen."""


@frozen(kw_only=True)
class Script:
    """A file to be run."""

    framework: ScriptFramework
    module: Module

    @property
    def command(self) -> str:
        """Return what runs it, from the application's directory."""
        path = shlex.quote(self.module.path)
        target = self._as_module() or path
        return self.framework.command.format(path=path, name=self.module.name, target=target)

    @property
    def listens_by_itself(self) -> bool:
        """Tell whether nothing but its own code says where it listens."""
        return self.framework.command == RUN

    def evidence(self) -> Evidence:
        """Say what is run, and why."""
        module = self.framework.module
        why = f"it imports {module}" if module else "it is the usual name of a program"
        return Evidence(reason=why, path=self.module.path)

    def _as_module(self) -> str | None:
        module = self.module
        if not module.is_importable or module.root != "." or "/" not in module.path:
            return None
        return f"-m {module.name.removesuffix('.__main__')}"


def find_script(
    modules: Sequence[Module], framework: str | None, listed: Collection[str]
) -> Script | None:
    """
    Return the likeliest file that imports a framework which runs files, *framework* if given.

    Of frameworks that are not *listed*, a file with a usual name must import them.
    """
    usual = [module for module in modules if _is_usual(module)]
    for known in SCRIPT_FRAMEWORKS:
        is_wanted = framework == known.name if framework else known.package in listed
        if is_wanted and (module := _likeliest(modules, known)):
            return Script(framework=known, module=module)
    for known in SCRIPT_FRAMEWORKS:
        is_sure = framework is None and known.is_script_only
        if is_sure and (module := _likeliest(usual, known)):
            return Script(framework=known, module=module)
    return None


def find_plain_script(modules: Sequence[Module]) -> Script | None:
    """Return a file with the usual name of a program, or a package that can be run."""
    module = min(filter(_is_usual, modules), key=_plainness, default=None)
    module = module or next((one for one in modules if one.stem == "__main__"), None)
    return Script(framework=PLAIN, module=module) if module else None


def seems_to_listen(modules: Sequence[Module]) -> bool:
    """Tell whether something in the code looks like a server of an unknown kind."""
    return any(module.mentions("PORT") or any(map(_listens, module.nodes)) for module in modules)


def _listens(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _LISTENING:
            return True
        case ast.Call(func=ast.Attribute(attr="run", value=value), keywords=keywords):
            is_server = isinstance(value, ast.Name) and value.id in _SERVERS
            return is_server or any(keyword.arg == "port" for keyword in keywords)
        case _:
            return False


def _likeliest(modules: Sequence[Module], framework: ScriptFramework) -> Module | None:
    importing = [
        one
        for one in modules
        if _is_top(one)
        and (framework.is_script_only or _is_usual(one))
        and one.imports(framework.module)
    ]
    pages = {_directory(one) for one in modules if _directory(one).endswith(_PAGES)}
    names = (*framework.names, *_NAMES)
    imported = set(_imported_by(importing))

    def preference(module: Module) -> tuple[bool, int, bool, int, bool, str]:
        beside = f"{_directory(module)}/{_PAGES}".removeprefix("/")
        return (
            beside not in pages,
            module.path.count("/"),
            module.name in imported,
            names.index(module.stem) if module.stem in names else len(names),
            not module.is_importable,
            module.path,
        )

    return min(importing, key=preference, default=None)


def _is_usual(module: Module) -> bool:
    is_usual = module.stem in _NAMES and _directory(module) in _DIRECTORIES
    return is_usual and bool(module.syntax.body)


def _is_top(module: Module) -> bool:
    """Leave out the further pages of an application, and what only makes a package."""
    return _PAGES not in module.path.split("/")[:-1] and module.stem != "__init__"


def _imported_by(modules: Sequence[Module]) -> Iterator[str]:
    for module in modules:
        for full in module.names.values():
            yield from (full, full.rpartition(".")[0])


def _directory(module: Module) -> str:
    return module.path.rpartition("/")[0]


def _plainness(module: Module) -> tuple[int, int]:
    return module.path.count("/"), _NAMES.index(module.stem)
