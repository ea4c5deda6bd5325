"""Runs the commands on a page, and compares their output with the page."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from signal import SIGKILL

from attrs import frozen
from sybil import Example
from tests.docs.environments import PageEnvironment
from tests.served_instance import without_settings
from tests.wait_until import wait_until

_LIMIT_SECONDS = 100
_WILD = re.compile(r"\.\.\.|…")
_MARKS = ("…", "...")
_SCRIPT = """
set -a
curl() { command curl --silent --show-error --fail-with-body "$@"; }
[ -e .docs-state ] && . ./.docs-state
[ -e .docs-place ] && cd "$(cat .docs-place)"
COMMAND
code=$?
{ export -p; declare -f; } | grep -v -e ' PWD=' -e ' OLDPWD=' > "$DOCS/.docs-new-state"
mv "$DOCS/.docs-new-state" "$DOCS/.docs-state"
pwd > "$DOCS/.docs-new-place"
mv "$DOCS/.docs-new-place" "$DOCS/.docs-place"
exit $code
"""
"""
Runs a command with the variables and in the directory of the previous command.

The files are renamed into place, because a command that keeps running can be killed at any moment,
also when it has just ended. An empty file would move the next command to another directory.
"""


@frozen
class Command:
    """A command and its output. A last line of `…` means that the command keeps running."""

    text: str
    output: Sequence[str]

    @property
    def keeps_running(self) -> bool:
        """Return True if the command keeps running until it is killed."""
        return bool(self.output) and self.output[-1].strip() in _MARKS

    @property
    def may_fail(self) -> bool:
        """Return True if the page shows an error."""
        return any(line.startswith("Error") for line in self.output)

    @property
    def output_pattern(self) -> re.Pattern[str]:
        """Return a pattern that matches the documented output, ignoring white space."""
        lines = self.output[:-1] if self.keeps_running else self.output
        words = [" *".join(map(_pattern, line.split())) for line in lines if line.strip()]
        shown = r"\s*".join(words)
        return re.compile(rf"\s*{shown}{'.*' if self.keeps_running else ''}\s*", re.DOTALL)


def commands_of(block: str) -> Iterator[Command]:
    """Yield the commands in a block with their documented output."""
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
    """Run the commands in a block in order."""
    __tracebackhide__ = True
    page_environment: PageEnvironment = example.namespace["page_environment"]
    for command in commands_of(example.parsed):
        code, output = _run(command, page_environment)
        documented = page_environment.to_documented(output)
        assert code == 0 or command.may_fail, f"$ {command.text}\nexit code {code}\n{documented}"
        if command.output:
            assert command.output_pattern.fullmatch(documented), f"$ {command.text}\n{documented}"


def run_script(example: Example) -> None:
    """Run a shell block up to the first command that fails."""
    script = f"set -e\n{example.parsed}\nset +e"
    code, output = _run(Command(script, ()), example.namespace["page_environment"])
    assert code == 0, f"{example.parsed}exit code {code}\n{output}"


def write_file(example: Example) -> None:
    """Write a block to its file, in the directory of the previous commands."""
    page_environment: PageEnvironment = example.namespace["page_environment"]
    place = page_environment.directory / ".docs-place"
    directory = Path(place.read_text().strip()) if place.exists() else page_environment.directory
    path = directory / example.region.lexemes["path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(example.parsed)


def _run(command: Command, page_environment: PageEnvironment) -> tuple[int, str]:
    """Run a command, and return its exit code and its output.

    A command that keeps running is killed. Before that, its output has to match the page.
    """
    printed = page_environment.directory / ".docs-output"
    script = _SCRIPT.replace("COMMAND", page_environment.to_local(command.text))
    env = {
        **without_settings(os.environ),
        **page_environment.variables,
        "DOCS": str(page_environment.directory),
    }
    with printed.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=page_environment.directory,
            env=env,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        code = _watch(process, command, page_environment, printed)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, SIGKILL)
            process.wait()
    return code, printed.read_text()


def _watch(
    process: "subprocess.Popen[bytes]",
    command: Command,
    page_environment: PageEnvironment,
    output_file: Path,
) -> int:
    if not command.keeps_running:
        return process.wait(_LIMIT_SECONDS)

    def is_complete() -> bool:
        shown = command.output_pattern.fullmatch(
            page_environment.to_documented(output_file.read_text())
        )
        return shown is not None or process.poll() is not None

    wait_until(is_complete, output_file.read_text)
    return process.returncode or 0


def _pattern(word: str) -> str:
    return ".*?".join(map(re.escape, _WILD.split(word)))
