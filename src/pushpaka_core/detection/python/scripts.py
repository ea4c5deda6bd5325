"""Applications that are files to be run, not objects to be imported."""

import ast
from collections.abc import Collection, Sequence

from attrs import frozen

from pushpaka_core.detection.python.frameworks import (
    FILE_NAMES,
    SCRIPT_FRAMEWORKS,
    ScriptFramework,
)
from pushpaka_core.detection.python.modules import Module
from pushpaka_core.domain.build_plans import Evidence

_DIRECTORIES = frozenset({"", "src", "app"})
_NAMES = tuple(name for name in FILE_NAMES if name != "__init__")


@frozen(kw_only=True)
class Script:
    """A file to be run."""

    framework: ScriptFramework
    module: Module

    @property
    def command(self) -> str:
        """Return what runs it, from the application's directory."""
        path = self.module.path
        as_module = "/" in path and self.module.root == "."
        target = f"-m {self.module.name}" if as_module else path
        return self.framework.command.format(path=path, target=target)

    def evidence(self) -> Evidence:
        """Say what is run, and why."""
        module = self.framework.module
        why = f"it imports {module}" if module else "it is the usual name of a program"
        return Evidence(reason=why, path=self.module.path)


def find_script(
    modules: Sequence[Module], framework: str | None, listed: Collection[str]
) -> Script | None:
    """Return the likeliest script, of *framework* where one is chosen."""
    candidates = sorted(filter(_is_usual, modules), key=_preference)
    for known in SCRIPT_FRAMEWORKS:
        wanted = framework == known.name if framework else known.package in {"", *listed}
        module = next((module for module in candidates if _imports(module, known.module)), None)
        if wanted and module:
            return Script(framework=known, module=module)
    return None


def _is_usual(module: Module) -> bool:
    directory = module.path.rpartition("/")[0]
    return module.stem in _NAMES and directory in _DIRECTORIES and bool(module.syntax.body)


def _preference(module: Module) -> tuple[int, int]:
    return module.path.count("/"), _NAMES.index(module.stem)


def _imports(module: Module, name: str) -> bool:
    """Look into functions too, where programs like to import late."""
    return not name or any(
        name == imported.partition(".")[0]
        for node in ast.walk(module.syntax)
        for imported in _imported(node)
    )


def _imported(node: ast.AST) -> tuple[str, ...]:
    match node:
        case ast.Import(names=names):
            return tuple(alias.name for alias in names)
        case ast.ImportFrom(module=str(module), level=0):
            return (module,)
        case _:
            return ()
