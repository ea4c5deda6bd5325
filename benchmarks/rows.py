"""The names of all benchmarks. Each is a module that is imported when it is run."""

from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from typing import TypeAlias

from benchmarks.options import RunOptions
from benchmarks.rounds import Comparison

Measure: TypeAlias = Callable[[RunOptions], Awaitable[Sequence[Comparison]]]

BENCHMARKS = (
    "deploy",
    "deploy-process",
    "rollback",
    "start",
    "claims",
    "claims-without-redis",
    "api",
    "logs-write",
    "logs-watch",
    "floods",
    "fork-bomb",
    "scale",
    "constant",
    "capacity",
    "footprint",
    "cutover",
    "cutover-held",
    "lost-node",
    "coming-back",
)


def module_name(benchmark: str) -> str:
    """Return the name of the module of a benchmark."""
    return f"benchmarks.{benchmark.replace('-', '_')}"


def load_benchmark(name: str) -> tuple[str, Measure]:
    """
    Return the description of a benchmark, which is the docstring of its module, and its
    function.
    """
    module = import_module(module_name(name))
    measure: Measure = module.measure
    return (module.__doc__ or "").strip(), measure
