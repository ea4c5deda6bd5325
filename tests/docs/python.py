"""Runs the Python blocks on a page, which share one namespace."""

import ast
from inspect import CO_COROUTINE
from types import CodeType, FunctionType
from typing import Any

from sybil import Example
from tests.docs.environments import PageEnvironment


def run_python(example: Example) -> None:
    """Run a block, which can use await, in the namespace of the whole page."""
    page_environment: PageEnvironment = example.namespace["page_environment"]
    namespace = example.namespace
    for name, value in page_environment.names.items():
        namespace.setdefault(name, value)
    code = _compile(example)
    if code.co_flags & CO_COROUTINE:
        page_environment.portal.call(_run_code, code, namespace)
    else:
        exec(code, namespace)  # noqa: S102  # It is the code of the page.


async def _run_code(code: CodeType, namespace: dict[str, Any]) -> None:
    await FunctionType(code, namespace)()


def _compile(example: Example) -> CodeType:
    """Compile a block with the line numbers of the page, so that tracebacks are correct."""
    lines = "\n" * (example.line + example.region.lexemes["source"].line_offset)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    compiled: CodeType = compile(
        f"{lines}{example.parsed}", example.path, "exec", flags, dont_inherit=True
    )
    return compiled
