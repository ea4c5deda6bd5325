"""The env vars that Python code reads, as far as its syntax shows them."""

import ast
import re
from collections.abc import Iterator, Sequence

from pushpaka_core.detection.python.modules import Module

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_READERS = frozenset({"os.getenv", "os.environ.get", "os.environ.pop", "os.environ.setdefault"})
_GIVEN = frozenset(
    {
        "PORT", "HOST", "APP_URL", "APP_COMMIT", "APP_DEPLOYMENT", "PATH", "HOME", "LANG", "TMPDIR",
        "USER", "PYTHONPATH",
    }
)  # fmt: skip
"""Set by the platform or the system; nobody has to think of them."""


def env_names(modules: Sequence[Module]) -> tuple[str, ...]:
    """Return the names that *modules* read, sorted, without those that are given anyway."""
    found = {name for module in modules for name in _read_in(module)}
    return tuple(sorted(name for name in found - _GIVEN if _NAME.fullmatch(name)))


def _read_in(module: Module) -> Iterator[str]:
    for node in ast.walk(module.syntax):
        match node:
            case ast.Subscript(value=source, slice=ast.Constant(value=str(name))):
                if module.resolve(source) == "os.environ":
                    yield name
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
                if module.resolve(function) in _READERS:
                    yield name
