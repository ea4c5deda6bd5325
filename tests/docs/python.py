"""Runs the Python of a page, whose blocks share their names."""

import ast
from inspect import CO_COROUTINE
from types import CodeType, FunctionType
from typing import Any

from sybil import Example
from tests.docs.worlds import World


def run_python(example: Example) -> None:
    """Run a block as if all of the page were one module; it may await."""
    world: World = example.namespace["world"]
    names = example.namespace
    for name, value in world.names.items():
        names.setdefault(name, value)
    code = _compiled(example)
    if code.co_flags & CO_COROUTINE:
        world.portal.call(_awaited, code, names)
    else:
        exec(code, names)  # noqa: S102  # it is what the page says


async def _awaited(code: CodeType, names: dict[str, Any]) -> None:
    await FunctionType(code, names)()


def _compiled(example: Example) -> CodeType:
    """Compile it with the lines of the page, so that a traceback shows where."""
    lines = "\n" * (example.line + example.region.lexemes["source"].line_offset)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    compiled: CodeType = compile(
        f"{lines}{example.parsed}", example.path, "exec", flags, dont_inherit=True
    )
    return compiled
