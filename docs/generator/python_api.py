"""Sections of the Python API, which autodoc fills, and the contract suites."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import get_args

import attrs
from docs.generator.markdown import code, prose, table

import pushpaka_core.testing
from pushpaka_core import errors
from pushpaka_core.container.application import Application
from pushpaka_core.errors import PushpakaError


def modules(names: str) -> str:
    """Return a section for each of *names*, and for the modules in those that are packages."""
    return "\n\n".join(
        _section(module, module.removeprefix(f"{name}."))
        for name in names.split()
        for module in _modules_in(name)
    )


def services(names: str) -> str:
    """Return a section for each service module of an application, and for *names*."""
    fields = attrs.fields(attrs.resolve_types(Application))
    kinds = [kind for field in fields for kind in (get_args(field.type) or (field.type,))]
    found = [
        name for name in dict.fromkeys(kind.__module__ for kind in kinds) if ".services." in name
    ]
    return "\n\n".join(_section(name, name.rpartition(".")[2]) for name in (*found, *names.split()))


def error_tree(_words: str = "") -> str:
    """Return the tree in the docstring of `pushpaka_core.errors`, and the classes."""
    tree = (errors.__doc__ or "").split("\n\n")[1]
    return f"```text\n{tree}\n```\n\n{_automodule('pushpaka_core.errors')}"


def error_classes(kind: type[PushpakaError] = PushpakaError) -> Iterator[type[PushpakaError]]:
    """Yield *kind* and all classes that derive from it."""
    yield kind
    for below in kind.__subclasses__():
        yield from error_classes(below)


def suites(_words: str = "") -> str:
    """Return a row for each module of `pushpaka_core.testing` that has tests."""
    folder = Path(pushpaka_core.testing.__path__[0])
    rows = []
    for module in sorted(folder.rglob("*.py")):
        text = module.read_text()
        if count := text.count("def test_"):
            about = (ast.get_docstring(ast.parse(text)) or "").partition("\n\n")[0]
            name = ".".join(module.relative_to(folder).with_suffix("").parts)
            rows.append([code(f"pushpaka_core.testing.{name}"), str(count), prose(about)])
    return table(["Module", "Tests", "Purpose"], rows)


def _modules_in(name: str) -> Iterator[str]:
    path = getattr(import_module(name), "__path__", None)
    below = walk_packages(path, f"{name}.") if path else ()
    yield from (module.name for module in below if not module.ispkg) if path else (name,)


def _section(name: str, title: str) -> str:
    return f"## {code(title)}\n\n{_automodule(name)}"


def _automodule(name: str) -> str:
    return f"```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n   :undoc-members:\n```"
