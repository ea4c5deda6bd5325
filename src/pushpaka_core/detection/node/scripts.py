"""Analyzes package.json scripts: the program they run, and whether it can serve in production."""

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from attrs import frozen

from pushpaka_core.detection.node.manifest import Manifest
from pushpaka_core.detection.node.script_programs import (
    COMPILERS,
    DEVELOPMENT_TOOLS,
    ENV_WRAPPERS,
    FILE_SERVERS,
    FLAGS_WITH_VALUE,
    PARALLEL_RUNNERS,
    RELOADERS,
    SINGLE_PAGE_FLAGS,
    WRAPPERS,
)

_SEPARATOR = re.compile(r"&&|\|\||;|(?<!&)&(?!&)|\|")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_RUNNERS: Mapping[str, frozenset[str]] = {
    "npm": frozenset({"run", "run-script", "rum"}),
    "pnpm": frozenset({"run"}),
    "yarn": frozenset({"run"}),
    "bun": frozenset({"run"}),
}
_WORKSPACE_FLAGS = frozenset(
    {"-r", "--recursive", "--workspaces", "-ws", "workspaces", "--parallel"}
)
_OWN_COMMANDS = frozenset(
    {"run", "start", "test", "install", "workspace", "workspaces", "node", "add", "build", "ci"}
)
_ADDRESS_ARGUMENTS = re.compile(
    r"(?: (?:-p|--port|-H|--host|--hostname)[ =]\S+| (?:-w|--watch|--debug))*"
)
"""Arguments that set the address, or that only apply to development."""
_MAX_SCRIPT_LENGTH = 2_000
_MAX_SCRIPTS = 50


class ScriptKind(StrEnum):
    """The kind of program that a script starts as the web process."""

    SERVER = "server"
    RELOADER = "reloading server"
    """A server that a tool restarts when sources change."""
    COMPILER = "server that compiles at each start"
    FILE_SERVER = "file server"
    DEVELOPMENT = "development server"
    MULTIPLE = "task runner"


@frozen(kw_only=True)
class Script:
    """A script, resolved to the last program that it runs."""

    name: str
    text: str
    words: tuple[str, ...]
    """The program with its arguments, without environment variables and wrappers."""

    @property
    def program(self) -> str:
        """Return the name of the program, without directory and version."""
        first = self.words[0] if self.words else ""
        return re.sub(r"(?<=.)@.*", "", first.removeprefix("node_modules/.bin/").removeprefix("./"))

    @property
    def kind(self) -> ScriptKind:
        """Return the kind of the program."""
        arguments = self.words[1:]
        command = arguments[0] if arguments and not arguments[0].startswith("-") else ""
        if self.program in PARALLEL_RUNNERS or self._runs_all_workspaces:
            return ScriptKind.MULTIPLE
        if self.program in FILE_SERVERS:
            return ScriptKind.FILE_SERVER
        if _is_listed(self.program, command, arguments, RELOADERS):
            return ScriptKind.RELOADER
        if _is_listed(self.program, command, arguments, COMPILERS):
            return ScriptKind.COMPILER
        if _is_listed(self.program, command, arguments, DEVELOPMENT_TOOLS):
            return ScriptKind.DEVELOPMENT
        return ScriptKind.SERVER

    def ends_with(self, commands: Sequence[str]) -> bool:
        """Return True if the last program is one of *commands*, with any further arguments."""
        return any(self._arguments_after(command) is not None for command in commands)

    def is_only(self, commands: Sequence[str]) -> bool:
        """Return True if the script consists of one of *commands* and arguments for the address."""
        rests = (self._arguments_after(command) for command in commands)
        return _split(self.text) == self.words and any(
            rest is not None and _ADDRESS_ARGUMENTS.fullmatch(rest) for rest in rests
        )

    @property
    def takes_arguments(self) -> bool:
        """Return True if arguments appended to the script reach its last program."""
        return _strip_wrappers(_split(_SEPARATOR.split(self.text)[-1]), {}) == self.words

    def _arguments_after(self, command: str) -> str | None:
        """Return the arguments after *command*, each preceded by a space, or None."""
        words = [word.removeprefix("./") for word in (self.program, *self.words[1:])]
        length = len(command.split())
        is_called = words[:length] == command.split()
        return "".join(f" {word}" for word in words[length:]) if is_called else None

    @property
    def _runs_all_workspaces(self) -> bool:
        return self.program in _RUNNERS and not _WORKSPACE_FLAGS.isdisjoint(self.words)

    @property
    def served_directory(self) -> str | None:
        """Return the directory that the file server is configured to serve, or None."""
        values = {
            position + 1 for position, word in enumerate(self.words) if word in FLAGS_WITH_VALUE
        }
        return next(
            (
                word
                for position, word in enumerate(self.words[1:], 1)
                if position not in values and not word.startswith("-")
            ),
            None,
        )

    @property
    def is_single_page(self) -> bool:
        """Return True if the file server is configured to serve the same page for every path."""
        return any(word in SINGLE_PAGE_FLAGS for word in self.words)


def script_of(manifest: Manifest, name: str) -> Script | None:
    """Return the script *name*, or None if there is none."""
    text = manifest.scripts.get(name)
    if text is None:
        return None
    commands = _commands(text, manifest.scripts, {name})
    return Script(name=name, text=text, words=commands[-1] if commands else ())


def script_commands(manifest: Manifest, name: str) -> Sequence[tuple[str, ...]]:
    """Return every program that the script *name* runs, with its arguments."""
    return _commands(manifest.scripts.get(name, ""), manifest.scripts, {name})


def called_scripts(manifest: Manifest, names: Iterable[str]) -> Collection[str]:
    """Return the scripts in *names*, and the scripts that run before, during or after them."""
    found: set[str] = set()
    waiting = [name for name in names if name in manifest.scripts]
    while waiting and len(found) < _MAX_SCRIPTS:
        name = waiting.pop()
        seen = {name}
        _commands(manifest.scripts[name], manifest.scripts, seen)
        around = (f"{when}{one}" for one in seen for when in ("pre", "post"))
        found |= seen
        waiting += [one for one in around if one in manifest.scripts and one not in found]
    return found


def programs_in(text: str) -> Iterator[str]:
    """Yield the program of each command in *text*, without environment variables and wrappers."""
    for part in _SEPARATOR.split(text[:_MAX_SCRIPT_LENGTH]):
        words = _split(part)
        while words:
            if _ASSIGNMENT.fullmatch(words[0]):
                words = words[1:]
            elif words[0] in ENV_WRAPPERS:
                words = _words_after_wrapper(words)
            else:
                yield words[0]
                break


def _commands(
    text: str, scripts: Mapping[str, str], expanded_scripts: set[str]
) -> list[tuple[str, ...]]:
    """Return the commands in *text*, with the calls of scripts replaced by their commands."""
    found: list[tuple[str, ...]] = []
    for part in _SEPARATOR.split(text[:_MAX_SCRIPT_LENGTH]):
        words = _strip_wrappers(_split(part), scripts)
        called = _called_script(words, scripts)
        if called and called not in expanded_scripts and len(expanded_scripts) < _MAX_SCRIPTS:
            expanded_scripts.add(called)
            found.extend(_commands(scripts[called], scripts, expanded_scripts))
        elif words:
            found.append(words)
    return found


def _split(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())


def _strip_wrappers(words: tuple[str, ...], scripts: Mapping[str, str]) -> tuple[str, ...]:
    """Return *words* without environment variables and wrapper programs."""
    while words and _called_script(words, scripts) is None:
        rest = _words_after_wrapper(words)
        if _ASSIGNMENT.fullmatch(words[0]):
            words = words[1:]
        elif rest:
            words = rest
        else:
            break
    return words


def _words_after_wrapper(words: tuple[str, ...]) -> tuple[str, ...]:
    for wrapper, flags in WRAPPERS:
        if words[: len(wrapper)] == wrapper:
            rest = words[len(wrapper) :]
            while rest and rest[0].startswith("-"):
                rest = rest[2:] if rest[0] in flags else rest[1:]
            return rest
    match words:
        case (("yarn" | "pnpm"), program, *_) if program not in _OWN_COMMANDS:
            return () if program.startswith("-") else words[1:]
        case _:
            return ()


def _called_script(words: tuple[str, ...], scripts: Mapping[str, str]) -> str | None:
    match words:
        case (runner, verb, name, *_) if verb in _RUNNERS.get(runner, ()) and name in scripts:
            return name
        case ("node", "--run", name, *_) if name in scripts:
            return name
        case (("npm" | "pnpm" | "yarn") as runner, name, *_) if name in scripts:
            return name if runner != "npm" or name in {"start", "test"} else None
        case _:
            return None


def _is_listed(
    program: str,
    command: str,
    arguments: Sequence[str],
    table: Mapping[str, frozenset[str] | None],
) -> bool:
    if program not in table:
        return False
    commands = table[program]
    return commands is None or command in commands or bool(commands.intersection(arguments))
