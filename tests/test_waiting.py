"""Tests wait for states and count. They read no clock, and do not sleep for a fixed time."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("tests", "src/pushpaka_core/testing")

TOOLS = {
    "tests/acceptance/tools/long_lived.py": 2,
    "tests/ci/steps.py": 2,
    "tests/docs/recording.py": 2,
    "tests/durations.py": 4,
    "tests/faults/harness/faults.py": 1,
    "tests/faults/harness/users.py": 1,
    "tests/fuzzing/__main__.py": 2,
    "tests/http/crowd_server.py": 2,
    "tests/http/crowd_watchers.py": 1,
    "tests/swarm/steady.py": 2,
    "tests/swarm/token_server.py": 2,
}
"""
Programs that run suites, generate load, measure, or are deployed by tests.

No assertion depends on the times that they read.
"""

EXCEPTIONS: dict[str, int] = {}
"""
The number of remaining clock reads and fixed sleeps in each other file.

Add none: wait for a state in a `while` loop, limit a wait with `anyio.fail_after`, step a clock
(`tests.service_fixtures.SteppedClock`), or count. Speed is measured in `benchmarks/`.
"""

_CLOCKS = {
    "anyio.current_time",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
    "time.process_time",
    "time.process_time_ns",
    "time.time",
    "time.time_ns",
}
_SLEEPS = {"anyio.sleep", "anyio.sleep_until", "asyncio.sleep", "time.sleep"}


def test_no_test_reads_a_clock_or_sleeps() -> None:
    """Listed files may contain exactly the listed number. Lower it when you remove a use."""
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]

    found = {path.relative_to(ROOT).as_posix(): uses_in(path.read_text()) for path in paths}

    listed = TOOLS | EXCEPTIONS
    wrong = {name: uses for name, uses in found.items() if len(uses) != listed.get(name, 0)}
    assert {} == wrong
    assert listed.keys() <= found.keys()


@pytest.mark.parametrize(
    ("source", "uses"),
    [
        ("import time\nbegan = time.monotonic()", ["time.monotonic in line 2"]),
        ("from time import time as now\nnow()", ["time.time in line 2"]),
        ("import datetime as d\nd.datetime.now(d.UTC)", ["datetime.datetime.now in line 2"]),
        ("from datetime import datetime\ndatetime.now()", ["datetime.datetime.now in line 2"]),
        ("import anyio\nclock = anyio.current_time", ["anyio.current_time in line 2"]),
        ("import anyio.abc\nanyio.sleep(1)", ["anyio.sleep in line 2"]),
        ("from anyio import sleep\nfor _ in (1, 2):\n    sleep(1)", ["anyio.sleep in line 3"]),
        ("from anyio import sleep\nwhile not done():\n    sleep(1)", []),
        ("import anyio\nanyio.sleep_forever()", []),
        ("clock.now()\ntime()", []),
    ],
)
def test_clock_reads_and_sleeps_are_found(source: str, uses: list[str]) -> None:
    """Import aliases are resolved. A pause in a loop that waits for a state is not reported."""
    assert uses == uses_in(source)


def uses_in(source: str) -> list[str]:
    """Return the clock reads in *source*, and the sleeps that do not pause a `while` loop."""
    tree = ast.parse(source)
    names = dict(_imported(tree))
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    return [
        f"{name} in line {node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
        and ((name := _full_name(node, names)) in _CLOCKS or name in _SLEEPS)
        and not (name in _SLEEPS and _is_poll_pause(node, parents))
    ]


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each name that a module imports, with the full name of the imported object."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    package = alias.name.partition(".")[0]
                    yield alias.asname or package, alias.name if alias.asname else package
            case ast.ImportFrom(module=str(module), names=names):
                yield from (
                    (alias.asname or alias.name, f"{module}.{alias.name}") for alias in names
                )


def _full_name(node: ast.expr, names: dict[str, str]) -> str:
    match node:
        case ast.Name(id=name):
            return names.get(name, "")
        case ast.Attribute(value=value, attr=name):
            return f"{_full_name(value, names)}.{name}"
    return ""


def _is_poll_pause(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Return True if the innermost loop around *node* in its function is a `while` loop."""
    ends = ast.While | ast.For | ast.AsyncFor | ast.FunctionDef | ast.AsyncFunctionDef | ast.Module
    while not isinstance(node := parents[node], ends):
        pass
    return isinstance(node, ast.While)
