"""Tests commands as processes: exit codes, signals, questions, and colors on a terminal."""

import os
import re
import subprocess
from collections.abc import Mapping
from signal import SIGINT

import pytest
from tests.cli.commands.machines import Machine, Server, Shop
from tests.http.clients import PASSWORD
from tests.served_instance import PROGRAM

pytestmark = pytest.mark.suite("integration")


def run_to_end(machine: Machine, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command until it exits."""
    return subprocess.run(
        [*PROGRAM, *words],
        cwd=machine.folder,
        env=machine.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def run_and_interrupt(machine: Machine, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command, and press Ctrl-C once it shows a line of the build."""
    with subprocess.Popen(
        [*PROGRAM, *words],
        cwd=machine.folder,
        env=machine.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        shown = ""
        while "Built." not in shown:
            line = process.stdout.readline()
            assert line, shown
            shown += line
        process.send_signal(SIGINT)
        shown += process.stdout.read()
    return subprocess.CompletedProcess(words, process.returncode, shown)


def run_at_terminal(
    machine: Machine, *words: str, responses: Mapping[str, str] | None = None
) -> str:
    """Run a command on a terminal, answer its questions, and return the output."""
    ours, theirs = os.openpty()
    env = {name: value for name, value in machine.environ.items() if name != "NO_COLOR"}
    with subprocess.Popen(
        [*PROGRAM, *words],
        cwd=machine.folder,
        env=env | {"TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        for question, answer in (responses or {}).items():
            while question.encode() not in shown:
                shown += os.read(ours, 1024)
            os.write(ours, f"{answer}\n".encode())
        while part := _read(ours):
            shown += part
    os.close(ours)
    assert 0 == process.returncode, shown
    return shown.decode()


def _read(terminal: int) -> bytes:
    """Return the next output, or nothing once no process uses the terminal."""
    try:
        return os.read(terminal, 1024)
    except OSError:
        return b""


def test_exit_code_distinguishes_success_rejection_and_wrong_usage(ann: Machine) -> None:
    """Results are written to stdout, and errors to stderr."""
    done = run_to_end(ann, "whoami", "--json")
    refused = run_to_end(ann, "projects", "show", "nothing")
    misused = run_to_end(ann, "tokens", "revoke")

    assert (0, "") == (done.returncode, done.stderr)
    assert (1, "") == (refused.returncode, refused.stdout)
    assert 'Error: There is no project "nothing". Check its spelling.\n' == refused.stderr
    assert (2, "") == (misused.returncode, misused.stdout)
    assert "Missing argument" in misused.stderr


def test_the_password_is_prompted_for_at_a_terminal(
    ann: Machine, machine: Machine, server: Server
) -> None:
    """The terminal does not show the password."""
    answers = {"Email: ": ann.json("whoami")["email"], "Password: ": PASSWORD}

    shown = run_at_terminal(machine, "login", server.url, responses=answers)

    assert "Signed in to" in shown
    assert PASSWORD not in shown
    assert "ann@example.com" == machine.json("whoami")["email"]


def test_a_terminal_shows_the_phases_and_colors(
    ann: Machine, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Applications can color their output, but cannot control the terminal otherwise."""
    monkeypatch.setattr(server.builder, "output", ("\x1b[31mred\x1b[0m\x1b]0;t\x07\n",))
    shop = Shop.create(server, ann, "colored")

    shown = run_at_terminal(shop.machine, "deploy")

    assert "\x1b[31mred\x1b[0m" in shown
    assert "\x1b]0;" not in shown
    assert re.search(r"✓.*build", shown)
    assert f"Live at {shop.url}" in shown
    assert 1 == shown.count(shop.url)


def test_a_terminal_shows_the_status_in_color(ann: Machine, server: Server) -> None:
    """The first line and the status in the table are green while the project runs."""
    shop = Shop.create(server, ann, "bright")
    shop.machine.run("deploy")

    shown = run_at_terminal(ann, "status", "bright")

    assert shown.startswith("\x1b[32m\x1b[1mbright is running.\x1b[0m")
    assert "\x1b[32mrunning" in shown


def test_an_interrupt_stops_only_the_command(
    ann: Machine, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deployment continues, and the messages explain how to follow or cancel it."""
    monkeypatch.setattr(server.builder, "is_hanging", True)
    shop = Shop.create(server, ann, "interrupted")

    deploying = run_and_interrupt(shop.machine, "deploy")
    (deployment,) = shop.deployments()
    reading = run_and_interrupt(shop.machine, "logs", "-f")
    still = shop.deployments()[0]["status"]
    shop.machine.run("cancel")

    assert [130, 130] == [deploying.returncode, reading.returncode]
    assert [
        "Stopped following the deployment, which continues.",
        f"Follow it: pushpaka logs --follow {deployment['id']}",
        f"Cancel it: pushpaka cancel {deployment['id']}",
    ] == deploying.stdout.splitlines()[-3:]
    assert reading.stdout.endswith("| Built.\n")
    assert "building" == still
