"""Parses the Procfile, which names process types and their commands, one per line."""

import re
from collections.abc import Mapping

from attrs import frozen

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.instances.instances import PROCESS_TYPE
from pushpaka_core.domain.pipeline.build_plans import BuildStep, Evidence, Origin
from pushpaka_core.domain.projects.projects import check_command
from pushpaka_core.errors import DetectionError

PATH = "Procfile"

_LINE = re.compile(rf"(?P<type>{PROCESS_TYPE.pattern})[ \t]*:[ \t]*(?P<command>.*)")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_MAX_PROCESSES = 100


@frozen(kw_only=True)
class Procfile:
    """The processes that a Procfile declares, with their line numbers."""

    processes: Mapping[str, BuildStep]
    lines: Mapping[str, int]

    def evidence(self) -> tuple[Evidence, ...]:
        """Return the declaration of each process as evidence."""
        return tuple(
            Evidence(reason=f"the Procfile declares the {name} process", path=PATH, line=line)
            for name, line in self.lines.items()
        )


def read_procfile(tree: FileTree) -> Procfile | None:
    """
    Return the parsed Procfile of *tree*, or None if there is none.

    Raises:
        DetectionError: If a line is invalid (the message includes its number), or no process is
            declared.
    """
    if not tree.exists(PATH):
        return None
    processes: dict[str, BuildStep] = {}
    lines: dict[str, int] = {}
    for number, line in _significant_lines(tree.read(PATH) or ""):
        name, command = _parse(line, number)
        if name in processes:
            raise _error(
                number, f"declares {name}, which is already declared on line {lines[name]}"
            )
        if len(processes) == _MAX_PROCESSES:
            raise _error(number, f"declares more than {_MAX_PROCESSES} processes")
        processes[name] = BuildStep(command=command, origin=Origin.PROCFILE)
        lines[name] = number
    if not processes:
        raise DetectionError(
            "The Procfile declares no process. Add a line such as `web: <command>`."
        )
    return Procfile(processes=processes, lines=lines)


def _significant_lines(text: str) -> list[tuple[int, str]]:
    stripped = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
    return [(number, line) for number, line in stripped if line and not line.startswith("#")]


def _parse(line: str, number: int) -> tuple[str, str]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise _error(number, "does not have the form `type: command`")
    if not match["command"]:
        raise _error(number, f"has no command for {match['type']}")
    if len(match["command"]) > check_command.max_length:
        raise _error(number, f"has a command longer than {check_command.max_length} characters")
    if _CONTROL.search(match["command"]):
        raise _error(number, "contains a control character")
    return match["type"], match["command"]


def _error(number: int, message: str) -> DetectionError:
    return DetectionError(f"Line {number} of the Procfile {message}. Fix the file and push again.")
