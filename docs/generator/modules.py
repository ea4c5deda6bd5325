"""The pages of the Python API, module by module, for autodoc to fill."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import get_args

import attrs
from docs.generator.markdown import code

from pushpaka_core import errors
from pushpaka_core.application import Application
from pushpaka_core.errors import PushpakaError


def modules(words: str) -> str:
    """Return a section for each module that *words* name, and each one below it."""
    return "\n\n".join(
        _section(name, name.removeprefix(f"{word}."))
        for word in words.split()
        for name in _named(word)
    )


def services(words: str) -> str:
    """Return a section for each module of a service that an application has, and those named."""
    fields = attrs.fields(attrs.resolve_types(Application))
    kinds = [kind for field in fields for kind in (get_args(field.type) or (field.type,))]
    found = dict.fromkeys(kind.__module__ for kind in kinds)
    names = [*(name for name in found if ".services." in name), *words.split()]
    return "\n\n".join(_section(name, name.rpartition(".")[2]) for name in names)


def error_tree(_words: str = "") -> str:
    """Return the tree of errors as the module of it draws it."""
    tree = (errors.__doc__ or "").split("\n\n")[1]
    return f"```text\n{tree}\n```\n\n{_documented('pushpaka_core.errors')}"


def error_classes(kind: type[PushpakaError] = PushpakaError) -> Iterator[type[PushpakaError]]:
    """Yield every class of errors."""
    yield kind
    for below in kind.__subclasses__():
        yield from error_classes(below)


def _named(name: str) -> Iterator[str]:
    module = import_module(name)
    if not hasattr(module, "__path__"):
        yield name
        return
    for below in walk_packages(module.__path__, f"{name}."):
        if not below.ispkg:
            yield below.name


def _section(name: str, title: str) -> str:
    return f"## {code(title)}\n\n{_documented(name)}"


def _documented(name: str) -> str:
    return f"```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n   :undoc-members:\n```"
