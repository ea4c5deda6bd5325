"""What all commands have in common: help, near names, completion, and how little they import."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

import click
import pytest
from tests.cli.client.desks import Desk

from pushpaka_http.cli.entry import GROUPS, pushpaka

HEAVY = {
    *("alembic", "asyncio", "docker", "litestar", "psutil", "redis", "sqlalchemy", "structlog"),
    *("uvicorn", "websockets", "cryptography", "jwt", "passlib", "apprise", "dns", "yaml"),
}
"""What servers and workers need, and whoever waits for a prompt pays for."""
OF_A_CLIENT = [name for group, names in GROUPS.items() if group != "Operator" for name in names]
TELLING = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
"""


def modules_of(desk: Desk, code: str, *words: str) -> set[str]:
    """Return what a program has imported at its end."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{TELLING}\n{code}", *words],
        capture_output=True,
        env=desk.environ,
        check=True,
    )
    return set(json.loads(ended.stderr.splitlines()[-1]))


def every_command(
    group: click.Group = pushpaka, names: Sequence[str] = OF_A_CLIENT
) -> Iterator[tuple[str, click.Command]]:
    """Yield all commands that ask a server, and how they are called."""
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


def test_help_lists_every_command_in_its_group(desk: Desk) -> None:
    """With what it is for."""
    shown = desk.run("--help").stdout

    for group, commands in GROUPS.items():
        assert f"\n{group}:\n" in shown
        for name in commands:
            assert f"\n  {name} " in shown


@pytest.mark.parametrize("name", [name for names in GROUPS.values() for name in names])
def test_lists_of_commands_are_cut_off_nowhere(desk: Desk, name: str) -> None:
    """Also below a command, and those of an operator."""
    _, _, listed = desk.run(name, "--help").stdout.partition("\nCommands:\n")

    assert [] == [line for line in listed.splitlines() if line.endswith("...")]


def test_every_command_says_how_it_is_used() -> None:
    """With an example that begins with its own name."""
    without = [
        name
        for name, command in every_command()
        if f"pushpaka {name}" not in (command.help or "") or command.help is None
    ]

    assert [] == without


def test_help_of_a_command_imports_nothing_that_works(desk: Desk) -> None:
    """All of them together do not, those of an operator included."""
    code = (
        "import click; from pushpaka_http.cli.entry import pushpaka\n"
        "context = click.Context(pushpaka)\n"
        "names = pushpaka.list_commands(context)\n"
        "[pushpaka.get_command(context, name).get_help(context) for name in names]"
    )

    imported = modules_of(desk, code)

    assert "pushpaka_http.cli.serve" in imported
    assert set() == imported & (HEAVY | {"httpx", "rich", "pushpaka_http.client"})


def test_a_command_imports_nothing_of_a_server(ann: Desk) -> None:
    """It needs neither the platform's database nor its engine; nor colours without a terminal."""
    code = "from pushpaka_http.cli import main; main()"

    imported = modules_of(ann, code, "projects", "list")

    assert "httpx" in imported
    assert set() == imported & (HEAVY | {"rich", "pygments"})


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("projcts",), "projects"),
        (("web-hooks", "list"), "webhooks"),
        (("tokens", "lst"), "list"),
        (("projects", "list", "--jsn"), "--json"),
    ],
)
def test_a_typo_is_told_with_the_near_name(desk: Desk, words: tuple[str, ...], near: str) -> None:
    """Of commands, of what is below them, and of options; the exit code is 2."""
    refused = desk.run(*words, code=2)

    assert "Did you mean" in refused.stderr
    assert near in refused.stderr


@pytest.mark.parametrize(
    ("shell", "mark"),
    [("bash", "complete -o"), ("zsh", "#compdef pushpaka"), ("fish", "complete --no-files")],
)
def test_a_shell_is_given_its_script(desk: Desk, shell: str, mark: str) -> None:
    """It is printed, to be kept where that shell looks for it."""
    assert mark in desk.run("completion", shell).stdout


def test_projects_are_completed_from_the_server(ann: Desk) -> None:
    """By their slugs, as an option and as an argument."""
    for name in ("shop", "shoes", "blog"):
        ann.run("projects", "create", name, "--repo", "https://git.example.com/ann/app.git")

    option = completed(ann, "pushpaka env list --project sho")
    argument = completed(ann, "pushpaka projects show b")

    assert {"shop", "shoes"} == option
    assert {"blog"} == argument


def test_nothing_is_completed_where_nobody_answers(desk: Desk, ann: Desk) -> None:
    """A server that is away, or no server at all, is no error at a prompt."""
    env = {"PUSHPAKA_CLIENT_URL": "http://127.0.0.1:9", "PUSHPAKA_CLIENT_TOKEN": "ppk_0"}

    assert set() == completed(desk, "pushpaka env list --project sho")
    assert set() == completed(ann, "pushpaka env list --project sho", env)


def test_commands_and_contexts_are_completed(ann: Desk) -> None:
    """Without asking anybody."""
    (name,) = (row["name"] for row in ann.json("contexts", "list")["data"])

    assert {"projects"} == completed(ann, "pushpaka proj")
    assert {"create"} == completed(ann, "pushpaka projects cr")
    assert {name} == completed(ann, "pushpaka whoami --context ")


def completed(desk: Desk, line: str, env: Mapping[str, str] | None = None) -> set[str]:
    """Return what bash is offered at the end of *line*."""
    words = line.split(" ")
    completing = {
        "_PUSHPAKA_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    shown = desk.run(env={**completing, **(env or {})}).stdout
    return {each.partition(",")[2] for each in shown.splitlines() if each}
