"""The rows of the table: each is a module, which is imported when its figures are wanted."""

from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from typing import TypeAlias

from benchmarks.plans import Plan
from benchmarks.rounds import Comparison

Measure: TypeAlias = Callable[[Plan], Awaitable[Sequence[Comparison]]]

ROWS = (
    "deploy",
    "deploy-process",
    "rollback",
    "start",
    "claims",
    "api",
    "logs-write",
    "logs-watch",
    "scale",
    "constant",
    "capacity",
    "footprint",
    "cutover",
)


def row_named(name: str) -> tuple[str, Measure]:
    """Return what a row asks, which its module says first, and what measures it."""
    module = import_module(f"benchmarks.{name.replace('-', '_')}")
    measure: Measure = module.measure
    return (module.__doc__ or "").strip(), measure
