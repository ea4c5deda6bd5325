"""Finds applications that are scripts to run, not objects to import."""

import ast
import shlex
from collections.abc import Collection, Iterator, Sequence

from attrs import frozen

from pushpaka_core.detection.python.frameworks import FILE_NAMES
from pushpaka_core.detection.python.modules import Module
from pushpaka_core.detection.python.script_frameworks import (
    PLAIN_SCRIPT,
    RUN,
    SCRIPT_FRAMEWORKS,
    ScriptFramework,
)
from pushpaka_core.domain.pipeline.build_plans import Evidence

_DIRECTORIES = frozenset({"", "src", "app"})
_NAMES = tuple(name for name in FILE_NAMES if name not in {"__init__", "__main__"})
_PAGES = "pages"
_SERVERS = frozenset({"app", "application", "api", "server", "uvicorn", "web"})
_LISTEN_CALLS = frozenset(
    {
        "listen", "serve", "serve_forever", "start_server", "create_server", "make_server",
        "run_app", "launch", "HTTPServer", "ThreadingHTTPServer", "TCPServer", "WSGIServer",
    }
)  # fmt: skip
"""Names of calls that start a server, for programs without a known framework."""


@frozen(kw_only=True)
class Script:
    """A script that is run as the application."""

    framework: ScriptFramework
    module: Module

    @property
    def command(self) -> str:
        """Return the start command, relative to the application directory."""
        path = shlex.quote(self.module.path)
        target = self._module_argument() or path
        return self.framework.command.format(path=path, name=self.module.name, target=target)

    @property
    def chooses_address(self) -> bool:
        """Return True if the code of the script decides which address it listens on."""
        return self.framework.command == RUN

    def evidence(self) -> Evidence:
        """Return the reason for choosing this script, as evidence."""
        module = self.framework.module
        why = f"the script imports {module}" if module else "this is a common name for a program"
        return Evidence(reason=why, path=self.module.path)

    def _module_argument(self) -> str | None:
        module = self.module
        if not module.is_importable or module.root != "." or "/" not in module.path:
            return None
        return f"-m {module.name.removesuffix('.__main__')}"


def find_script(
    modules: Sequence[Module], framework: str | None, direct_dependencies: Collection[str]
) -> Script | None:
    """
    Return the best script that imports a framework whose applications are scripts, or None.

    Args:
        modules: The modules of the project.
        framework: The chosen framework, or None for any.
        direct_dependencies: The direct dependencies. A framework that is not among them must be
            imported by a script with a common name.
    """
    usual = [module for module in modules if _has_common_name(module)]
    for known in SCRIPT_FRAMEWORKS:
        is_wanted = framework == known.name if framework else known.package in direct_dependencies
        if is_wanted and (module := _best_module(modules, known)):
            return Script(framework=known, module=module)
    for known in SCRIPT_FRAMEWORKS:
        is_sure = framework is None and known.is_script_only
        if is_sure and (module := _best_module(usual, known)):
            return Script(framework=known, module=module)
    return None


def find_plain_script(modules: Sequence[Module]) -> Script | None:
    """Return a script with a common name, or a package with a `__main__` module, or None."""
    module = min(filter(_has_common_name, modules), key=_plain_script_key, default=None)
    module = module or next((one for one in modules if one.stem == "__main__"), None)
    return Script(framework=PLAIN_SCRIPT, module=module) if module else None


def seems_to_listen(modules: Sequence[Module]) -> bool:
    """Return True if the code looks like a server without a known framework."""
    return any(
        module.has_string_constant("PORT") or any(map(_listens, module.nodes)) for module in modules
    )


def _listens(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _LISTEN_CALLS:
            return True
        case ast.Call(func=ast.Attribute(attr="run", value=value), keywords=keywords):
            is_server = isinstance(value, ast.Name) and value.id in _SERVERS
            return is_server or any(keyword.arg == "port" for keyword in keywords)
        case _:
            return False


def _best_module(modules: Sequence[Module], framework: ScriptFramework) -> Module | None:
    importing = [
        one
        for one in modules
        if _is_main_page(one)
        and (framework.is_script_only or _has_common_name(one))
        and one.imports(framework.module)
    ]
    pages = {_directory(one) for one in modules if _directory(one).endswith(_PAGES)}
    names = (*framework.names, *_NAMES)
    imported = set(_imported_names(importing))

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


def _has_common_name(module: Module) -> bool:
    is_usual = module.stem in _NAMES and _directory(module) in _DIRECTORIES
    return is_usual and bool(module.syntax.body)


def _is_main_page(module: Module) -> bool:
    """Return False for additional pages of multi-page applications, and for `__init__` modules."""
    return _PAGES not in module.path.split("/")[:-1] and module.stem != "__init__"


def _imported_names(modules: Sequence[Module]) -> Iterator[str]:
    for module in modules:
        for full in module.names.values():
            yield from (full, full.rpartition(".")[0])


def _directory(module: Module) -> str:
    return module.path.rpartition("/")[0]


def _plain_script_key(module: Module) -> tuple[int, int]:
    return module.path.count("/"), _NAMES.index(module.stem)
