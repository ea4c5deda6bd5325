"""Runs the commands of a page, and compares what they print with what the page shows."""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from signal import SIGKILL

from attrs import frozen
from sybil import Example
from tests.docs.worlds import World
from tests.served import foreign

PATIENCE = 100
"""Seconds that a command may take."""
_WILD = re.compile(r"\.\.\.|…")
_MARKS = ("…", "...")
_SCRIPT = """
set -a
curl() { command curl --silent --show-error --fail-with-body "$@"; }
[ -e .docs-state ] && . ./.docs-state
[ -e .docs-place ] && cd "$(cat .docs-place)"
COMMAND
code=$?
{ export -p; declare -f; } | grep -v -e ' PWD=' -e ' OLDPWD=' > "$DOCS/.docs-state"
pwd > "$DOCS/.docs-place"
exit $code
"""
"""A command with the variables and the directory that those before it have left."""


@frozen
class Command:
    """A command with what it shows; the output of one that goes on ends with a line of `…`."""

    text: str
    output: Sequence[str]

    @property
    def goes_on(self) -> bool:
        """Tell whether it ends only when somebody has seen enough."""
        return bool(self.output) and self.output[-1].strip() in _MARKS

    @property
    def may_fail(self) -> bool:
        """Tell whether the page shows that it is refused."""
        return any(line.startswith("Error") for line in self.output)

    @property
    def is_shown_by(self) -> re.Pattern[str]:
        """Return what its output has to be like; spaces are as they come."""
        lines = self.output[:-1] if self.goes_on else self.output
        words = [" *".join(map(_pattern, line.split())) for line in lines if line.strip()]
        shown = r"\s*".join(words)
        return re.compile(rf"\s*{shown}{'.*' if self.goes_on else ''}\s*", re.DOTALL)


def commands_of(block: str) -> Iterator[Command]:
    """Yield what a person would type, each with what they would see."""
    typed: list[str] = []
    shown: list[str] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            if typed:
                yield Command("\n".join(typed), tuple(shown))
            typed, shown = [line[2:]], []
        elif typed and typed[-1].endswith("\\") and not shown:
            typed.append(line)
        else:
            shown.append(line)
    assert typed, "A console shows commands, which begin with `$ `."
    yield Command("\n".join(typed), tuple(shown))


def run_console(example: Example) -> None:
    """Run each command where the one before has left off."""
    __tracebackhide__ = True
    world: World = example.namespace["world"]
    for command in commands_of(example.parsed):
        code, output = _run(command, world)
        told = world.told(output)
        assert code == 0 or command.may_fail, f"$ {command.text}\nexit code {code}\n{told}"
        if command.output:
            assert command.is_shown_by.fullmatch(told), f"$ {command.text}\n{told}"


def run_script(example: Example) -> None:
    """Run a block of shell as one command."""
    code, output = _run(Command(example.parsed, ()), example.namespace["world"])
    assert code == 0, output


def write_file(example: Example) -> None:
    """Write a block to its file, where the commands before it have gone."""
    world: World = example.namespace["world"]
    place = world.directory / ".docs-place"
    directory = Path(place.read_text().strip()) if place.exists() else world.directory
    path = directory / example.region.lexemes["path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(example.parsed)


def _run(command: Command, world: World) -> tuple[int, str]:
    """Return the exit code and all that was printed; of what goes on, until enough was seen."""
    printed = world.directory / ".docs-output"
    script = _SCRIPT.replace("COMMAND", world.meant(command.text))
    env = {**foreign(os.environ), **world.variables, "DOCS": str(world.directory)}
    with printed.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", script], cwd=world.directory, env=env, stdout=output, stderr=output,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        code = _watched(process, command, world, printed)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, SIGKILL)
            process.wait()
    return code, printed.read_text()


def _watched(
    process: "subprocess.Popen[bytes]", command: Command, world: World, printed: Path
) -> int:
    if not command.goes_on:
        return process.wait(PATIENCE)
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        if command.is_shown_by.fullmatch(world.told(printed.read_text())):
            return 0
        time.sleep(0.05)
    return process.returncode or 0


def _pattern(word: str) -> str:
    return ".*?".join(map(re.escape, _WILD.split(word)))
