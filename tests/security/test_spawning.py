"""Who starts programs: one module and the shim behind it, so that there is one place to look at."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
MAY_SPAWN = (
    "pushpaka_core/adapters/process/shims.py",
    "pushpaka_core/testing/",
    "pushpaka_shim/",
)
"""The last two are the shim itself, and what only tests import."""

MODULES = {"_posixsubprocess", "multiprocessing", "pty", "subprocess"}
OF_OS = re.compile(r"(exec|spawn)[lv]p?e?|fork|forkpty|popen|posix_spawnp?|system")
ANYWHERE = re.compile(
    r"create_subprocess_\w+|subprocess_(exec|shell)|(open|run|to)_process|ProcessPoolExecutor"
    r"|exec_(run|create|start)"
)
"""The second line is what runs something in a container."""


def test_programs_are_started_in_one_place_alone() -> None:
    """Whatever runs, runs under a shim, with its order, its user and its limits."""
    paths = {path.relative_to(SOURCE).as_posix(): path for path in SOURCE.rglob("*.py")}

    found = {name for name, path in paths.items() if list(_spawning(path.read_text()))}

    assert [] == [name for name in sorted(found) if not name.startswith(MAY_SPAWN)]
    assert MAY_SPAWN[0] in found


@pytest.mark.parametrize(
    "text",
    [
        "import subprocess",
        "import subprocess as s",
        "from subprocess import run",
        "from asyncio import subprocess",
        "import os\nos.system('true')",
        "import os\nos.execve('/bin/true', [], {})",
        "from os import posix_spawn",
        "from os import fork as f",
        "import anyio\nasync def f(): await anyio.run_process('true')",
        "from anyio import open_process",
        "from anyio import to_process",
        "import asyncio\nasync def f(): await asyncio.create_subprocess_shell('true')",
        "loop.subprocess_exec(None)",
        "from concurrent.futures import ProcessPoolExecutor",
        "__import__('subprocess')",
        "importlib.import_module('subprocess')",
        "import os\nos.posix_spawn('/bin/true', [], {})",
        "import os\nos.popen('true')",
        "import os as o\no.system('true')",
        "import os\ngetattr(os, 'system')('true')",
        "import posix\nposix.execv('/bin/true', [])",
        "import pty\npty.spawn('true')",
        "from multiprocessing import Process",
        "import asyncio\nasync def f(): await asyncio.subprocess.create_subprocess_exec('true')",
        "anyio.open_process('true')",
        "container.exec_run('true')",
        "client.api.exec_create('x', 'true')",
    ],
)
def test_each_way_to_start_a_program_is_seen(text: str) -> None:
    """A test that sees nothing would hold for everything."""
    assert list(_spawning(text))


@pytest.mark.parametrize("text", ["import os\nos.getpid()", "'subprocesses'", "uow.execute(1)"])
def test_what_starts_nothing_is_let_pass(text: str) -> None:
    """Statements of a database are executed, and an application may be a system."""
    assert [] == list(_spawning(text))


def test_a_shim_is_told_all_that_it_may_know() -> None:
    """It is started by a list of words, without a shell and with nothing of our environment."""
    tree = ast.parse((SOURCE / MAY_SPAWN[0]).read_text())

    calls = [call for call in ast.walk(tree) if isinstance(call, ast.Call)]
    (start,) = [call for call in calls if ast.unparse(call.func).startswith("subprocess.")]
    told = {keyword.arg: ast.unparse(keyword.value) for keyword in start.keywords}

    assert isinstance(start.args[0], ast.List)
    assert "{SHIM_MARK: instance}" == told["env"]
    assert not {"shell", "executable", "preexec_fn", "pass_fds", None} & told.keys()
    assert "environ" not in ast.unparse(tree)


def _spawning(text: str) -> Iterator[ast.AST]:
    for node in ast.walk(ast.parse(text)):
        if any(map(_spawns, _names(node))):
            yield node


def _names(node: ast.AST) -> list[str]:
    """Return what a piece of code speaks of, with the module where that can be seen."""
    match node:
        case ast.Import(names=names):
            return [f"{alias.name}.system" if alias.asname else alias.name for alias in names]
        case ast.ImportFrom(module=module, names=names):
            return [f"{module}.{alias.name}" for alias in names]
        case (
            ast.Attribute(value=ast.Name(id=owner), attr=name)
            | ast.Call(args=[ast.Name(id=owner), ast.Constant(value=str(name))])
        ):
            return [f"{owner}.{name}"]
        case ast.Attribute(attr=name):
            return [name]
        case ast.Call(args=[ast.Constant(value=str(name)), *_]):
            return [name]
    return []


def _spawns(name: str) -> bool:
    *owners, last = name.split(".")
    is_of_os = owners[-1:] in (["os"], ["posix"]) and OF_OS.fullmatch(last)
    return bool(is_of_os or ANYWHERE.fullmatch(last) or MODULES & {*owners, last})
