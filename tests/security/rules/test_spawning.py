"""Programs are started only by one module and its shim, so there is one place to review."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "src"
MAY_SPAWN = (
    "pushpaka_core/adapters/process/supervisor/shims.py",
    "pushpaka_core/testing/",
    "pushpaka_shim/",
    "pushpaka_core/adapters/iptables/packet_filters.py",
    "pushpaka_core/adapters/traefik/launcher.py",
    "pushpaka_http/cli/commands/operator/error_pages.py",
)
"""
The modules that may start programs: shims, test helpers, and three with fixed arguments.

The firewall runs iptables, the launcher is started by a shim and replaces itself with Traefik, and
`pushpaka error-pages` replaces itself with a file server.
"""

MODULES = {"_posixsubprocess", "multiprocessing", "pty", "subprocess"}
OF_OS = re.compile(r"(exec|spawn)[lv]p?e?|fork|forkpty|popen|posix_spawnp?|system")
ANYWHERE = re.compile(
    r"create_subprocess_\w+|subprocess_(exec|shell)|(open|run|to)_process|ProcessPoolExecutor"
    r"|exec_(run|create|start)"
)
"""Names of functions that start programs. Those in the second line start them in a container."""


def test_programs_are_started_in_one_place() -> None:
    """All modules start programs there, so that no program runs without its user and limits."""
    paths = {path.relative_to(SOURCE).as_posix(): path for path in SOURCE.rglob("*.py")}

    found = {name for name, path in paths.items() if list(_spawning_nodes(path.read_text()))}

    assert [] == [name for name in sorted(found) if not name.startswith(MAY_SPAWN)]
    assert MAY_SPAWN[0] in found


def test_a_shim_gets_neither_a_shell_nor_our_environment() -> None:
    tree = ast.parse((SOURCE / MAY_SPAWN[0]).read_text())

    calls = [call for call in ast.walk(tree) if isinstance(call, ast.Call)]
    (start,) = [call for call in calls if ast.unparse(call.func).startswith("subprocess.")]
    arguments = {keyword.arg: ast.unparse(keyword.value) for keyword in start.keywords}

    assert isinstance(start.args[0], ast.List)
    assert "{SHIM_MARK: instance}" == arguments["env"]
    assert not {"shell", "executable", "preexec_fn", "pass_fds", None} & arguments.keys()
    assert {"environ", "getenv"}.isdisjoint(
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    )


def _spawning_nodes(text: str) -> Iterator[ast.AST]:
    for node in ast.walk(ast.parse(text)):
        if any(map(_spawns, _names(node))):
            yield node


def _names(node: ast.AST) -> list[str]:
    """Return the names that a syntax node uses, with their module if it is known."""
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
