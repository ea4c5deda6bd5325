"""Scripts of package.json: what they run in the end, and whether that is fit to serve."""

import re
import shlex
from collections.abc import Mapping, Sequence
from enum import StrEnum

from attrs import frozen

from pushpaka_core.detection.node.manifest import Manifest
from pushpaka_core.detection.node.script_programs import (
    COMPILERS,
    FILE_SERVERS,
    FLAGS_WITH_VALUE,
    RELOADERS,
    SINGLE_PAGE_FLAGS,
    STARTS_MANY,
    TOOLS,
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
_EVERYWHERE = frozenset({"-r", "--recursive", "--workspaces", "-ws", "workspaces", "--parallel"})
_OWN_COMMANDS = frozenset(
    {"run", "start", "test", "install", "workspace", "workspaces", "node", "add", "build", "ci"}
)
_LISTENING = re.compile(r"(?: (?:-p|--port|-H|--host|--hostname)[ =]\S+| (?:-w|--watch|--debug))*")
"""Arguments that say where to listen, or are for development."""
_MOST = 2_000
_MOST_SCRIPTS = 50


class ScriptKind(StrEnum):
    """What becomes of a web process that is started by a script."""

    SERVER = "server"
    RELOADER = "reloading server"
    """It serves, under a tool that watches the sources."""
    COMPILER = "server that is compiled at each start"
    FILES = "file server"
    DEVELOPMENT = "development server"
    MANY = "runner of many programs"


@frozen(kw_only=True)
class Script:
    """A script, followed to the last program that it runs."""

    name: str
    text: str
    words: tuple[str, ...]
    """That program with its arguments, without variables and wrappers before it."""

    @property
    def program(self) -> str:
        """Return the program, without its directory and version."""
        first = self.words[0] if self.words else ""
        return re.sub(r"(?<=.)@.*", "", first.removeprefix("node_modules/.bin/").removeprefix("./"))

    @property
    def kind(self) -> ScriptKind:
        """Tell what kind of program it is."""
        arguments = self.words[1:]
        command = arguments[0] if arguments and not arguments[0].startswith("-") else ""
        if self.program in STARTS_MANY or self._runs_everywhere:
            return ScriptKind.MANY
        if self.program in FILE_SERVERS:
            return ScriptKind.FILES
        if _is_among(self.program, command, arguments, RELOADERS):
            return ScriptKind.RELOADER
        if _is_among(self.program, command, arguments, COMPILERS):
            return ScriptKind.COMPILER
        if _is_among(self.program, command, arguments, TOOLS):
            return ScriptKind.DEVELOPMENT
        return ScriptKind.SERVER

    def ends_with(self, commands: Sequence[str]) -> bool:
        """Tell whether its last program is called as one of *commands*, whatever follows."""
        return any(self._after(command) is not None for command in commands)

    def is_only(self, commands: Sequence[str]) -> bool:
        """Tell whether it is one of *commands* alone, with nothing but where to listen."""
        rests = (self._after(command) for command in commands)
        return _split(self.text) == self.words and any(
            rest is not None and _LISTENING.fullmatch(rest) for rest in rests
        )

    @property
    def takes_arguments(self) -> bool:
        """Tell whether what is added to the text is for the program that it ends with."""
        return _unwrapped(_split(_SEPARATOR.split(self.text)[-1]), {}) == self.words

    def _after(self, command: str) -> str | None:
        """Return the arguments beyond *command*, each after a space; None without it."""
        words = [word.removeprefix("./") for word in (self.program, *self.words[1:])]
        length = len(command.split())
        is_called = words[:length] == command.split()
        return "".join(f" {word}" for word in words[length:]) if is_called else None

    @property
    def _runs_everywhere(self) -> bool:
        return self.program in _RUNNERS and not _EVERYWHERE.isdisjoint(self.words)

    @property
    def served_directory(self) -> str | None:
        """Return the directory that a file server is told to serve."""
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
        """Tell whether a file server is told to answer everything by one page."""
        return any(word in SINGLE_PAGE_FLAGS for word in self.words)


def script_of(manifest: Manifest, name: str) -> Script | None:
    """Return the script of that name."""
    text = manifest.scripts.get(name)
    if text is None:
        return None
    commands = _commands(text, manifest.scripts, {name})
    return Script(name=name, text=text, words=commands[-1] if commands else ())


def all_words(manifest: Manifest, name: str) -> Sequence[tuple[str, ...]]:
    """Return every program that the script *name* runs, with its arguments."""
    return _commands(manifest.scripts.get(name, ""), manifest.scripts, {name})


def _commands(text: str, scripts: Mapping[str, str], seen: set[str]) -> list[tuple[str, ...]]:
    """Return the commands in *text*; one that runs a script not *seen* yet stands for its own."""
    found: list[tuple[str, ...]] = []
    for part in _SEPARATOR.split(text[:_MOST]):
        words = _unwrapped(_split(part), scripts)
        called = _called_script(words, scripts)
        if called and called not in seen and len(seen) < _MOST_SCRIPTS:
            seen.add(called)
            found.extend(_commands(scripts[called], scripts, seen))
        elif words:
            found.append(words)
    return found


def _split(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())


def _unwrapped(words: tuple[str, ...], scripts: Mapping[str, str]) -> tuple[str, ...]:
    """Return *words* without the variables and the programs that only start another one."""
    while words and _called_script(words, scripts) is None:
        rest = _after_wrapper(words)
        if _ASSIGNMENT.fullmatch(words[0]):
            words = words[1:]
        elif rest:
            words = rest
        else:
            break
    return words


def _after_wrapper(words: tuple[str, ...]) -> tuple[str, ...]:
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


def _is_among(
    program: str,
    command: str,
    arguments: Sequence[str],
    known: Mapping[str, frozenset[str] | None],
) -> bool:
    if program not in known:
        return False
    commands = known[program]
    return commands is None or command in commands or bool(commands.intersection(arguments))
