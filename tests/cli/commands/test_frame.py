"""Tests what all commands have in common: help, typos, completion, and few imports."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from inspect import cleandoc

import click
import pytest
from tests.cli.commands.machines import Machine, open_server

from pushpaka_http.cli.entry import GROUPS, pushpaka

HEAVY = {
    *("alembic", "asyncio", "docker", "litestar", "psutil", "redis", "sqlalchemy", "structlog"),
    *("uvicorn", "websockets", "cryptography", "jwt", "passlib", "apprise", "dns", "yaml"),
}
"""Libraries of servers and workers, which would slow down every command."""
CLIENT_COMMANDS = [name for group, names in GROUPS.items() if group != "Operator" for name in names]
PRINT_IMPORTS = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
"""


def imported_modules(machine: Machine, code: str, *words: str) -> set[str]:
    """Return the modules that Python has imported after it runs *code*."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{PRINT_IMPORTS}\n{code}", *words],
        capture_output=True,
        env=machine.environ,
        check=True,
    )
    return set(json.loads(ended.stderr.splitlines()[-1]))


def every_command(
    group: click.Group = pushpaka, names: Sequence[str] = CLIENT_COMMANDS
) -> Iterator[tuple[str, click.Command]]:
    """Yield all commands that send requests to a server, with their names."""
    for name in names:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from (
                (f"{name} {inner}", each)
                for inner, each in every_command(command, [*command.commands])
            )
        else:
            yield name, command


def test_version_is_that_of_the_package(machine: Machine) -> None:
    assert f"pushpaka {version('pushpaka')}\n" == machine.run("--version").stdout


def test_help_lists_every_command_in_its_group(machine: Machine) -> None:
    """No description of a subcommand is cut off."""
    shown = machine.run("--help").stdout

    for group, commands in GROUPS.items():
        assert f"\n{group}:\n" in shown
        for name in commands:
            assert f"\n  {name} " in shown
            _, _, listed = machine.run(name, "--help").stdout.partition("\nCommands:\n")
            assert [] == [line for line in listed.splitlines() if line.endswith("...")]


def test_the_help_of_a_command_starts_with_its_purpose() -> None:
    """Each purpose is a one-line sentence that starts with a verb."""
    purposes = {name: purpose for names in GROUPS.values() for name, purpose in names.items()}
    context = click.Context(pushpaka)

    for name in pushpaka.list_commands(context):
        command = pushpaka.get_command(context, name)
        assert command is not None
        assert purposes[name] == cleandoc(command.help or "").split("\n\n")[0]
        assert re.fullmatch(r"[A-Z][a-z]+,? .{8,60}\.", purposes[name])


def test_every_command_has_an_example() -> None:
    """The example in the help starts with the name of the command."""
    without = [
        name for name, command in every_command() if f"pushpaka {name}" not in (command.help or "")
    ]

    assert [] == without


def test_help_imports_no_heavy_libraries(machine: Machine) -> None:
    """Even the help of all commands, including those of operators, needs no large library."""
    code = (
        "import click; from pushpaka_http.cli.entry import pushpaka\n"
        "context = click.Context(pushpaka)\n"
        "names = pushpaka.list_commands(context)\n"
        "[pushpaka.get_command(context, name).get_help(context) for name in names]"
    )

    imported = imported_modules(machine, code)

    assert "pushpaka_http.cli.commands.operator.serve" in imported
    assert set() == imported & (HEAVY | {"httpx", "rich", "pushpaka_http.client"})


def test_commands_do_not_import_the_server(ann: Machine) -> None:
    """Without a terminal, commands do not import the library for colors either."""
    code = "from pushpaka_http.cli import main; main()"

    imported = imported_modules(ann, code, "projects", "list")

    assert "httpx" in imported
    assert set() == imported & (HEAVY | {"rich", "pygments"})


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (("projcts",), "projects"),
        (("web-hooks", "list"), "webhooks"),
        (("tokens", "lst"), "list"),
        (("projects", "list", "--jsn"), "--json"),
        (("destroy",), "pushpaka projects delete"),
        (("delte",), "pushpaka projects delete"),
    ],
)
def test_a_typo_is_answered_with_a_suggestion(
    machine: Machine, arguments: tuple[str, ...], suggestion: str
) -> None:
    """Commands, subcommands and options are suggested. The exit code is 2."""
    refused = machine.run(*arguments, code=2)

    assert "Did you mean" in refused.stderr
    assert suggestion in refused.stderr
    assert "deploy" not in refused.stderr


def test_an_internal_error_is_shown_with_its_request_id(machine: Machine) -> None:
    """The operator can find the request in the log. The server does not send the error itself."""
    with open_server(project_list_error=RuntimeError("s3cret")) as server:
        machine.sign_up(server, "ann@example.com")
        refused = machine.run("projects", "list", code=1)
        document = machine.run("projects", "list", "--json", code=1)

    assert refused.stderr.splitlines()[-1].startswith("Request id: ")
    assert "s3cret" not in refused.stderr
    assert '"code": "internal"' in document.stderr


@pytest.mark.parametrize(
    ("shell", "function_name"),
    [("bash", "complete -o"), ("zsh", "#compdef pushpaka"), ("fish", "complete --no-files")],
)
def test_completion_scripts_are_printed(machine: Machine, shell: str, function_name: str) -> None:
    """There is one script for each supported shell."""
    assert function_name in machine.run("completion", shell).stdout


def test_names_are_completed(ann: Machine) -> None:
    """Commands and contexts are completed locally, and projects by the server."""
    for name in ("shop", "shoes", "blog"):
        ann.create(name)
    (context,) = (row["name"] for row in ann.json("contexts", "list")["data"])

    assert {"projects"} == completions_of(ann, "pushpaka proj")
    assert {"create"} == completions_of(ann, "pushpaka projects cr")
    assert {context} == completions_of(ann, "pushpaka whoami --context ")
    assert {"shop", "shoes"} == completions_of(ann, "pushpaka env list --project sho")
    assert {"blog"} == completions_of(ann, "pushpaka projects show b")
    assert {"blog"} == completions_of(ann, "pushpaka logs b")
    assert {"blog"} == completions_of(ann, "pushpaka open --app b")


def test_completion_is_silent_without_a_server(machine: Machine, ann: Machine) -> None:
    """An unavailable or missing server does not disturb the shell prompt."""
    env = {"PUSHPAKA_CLIENT_URL": "http://127.0.0.1:9", "PUSHPAKA_CLIENT_TOKEN": "ppk_0"}

    assert set() == completions_of(machine, "pushpaka env list --project sho")
    assert set() == completions_of(ann, "pushpaka env list --project sho", env)


def completions_of(machine: Machine, line: str, env: Mapping[str, str] | None = None) -> set[str]:
    """Return the completions that bash offers at the end of *line*."""
    words = line.split(" ")
    completing = {
        "_PUSHPAKA_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    shown = machine.run(env={**completing, **(env or {})}).stdout
    return {each.partition(",")[2] for each in shown.splitlines() if each}
