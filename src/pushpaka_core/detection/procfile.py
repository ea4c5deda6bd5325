"""The Procfile: process types and their commands, one a line."""

import re
from collections.abc import Mapping

from attrs import frozen

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import Evidence, Origin, Step
from pushpaka_core.domain.instances import PROCESS_TYPE
from pushpaka_core.domain.projects import check_command
from pushpaka_core.errors import DetectionError

PATH = "Procfile"

_LINE = re.compile(rf"(?P<type>{PROCESS_TYPE.pattern})[ \t]*:[ \t]*(?P<command>.*)")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_MOST_PROCESSES = 100


@frozen(kw_only=True)
class Procfile:
    """The processes that a repository names itself."""

    processes: Mapping[str, Step]
    lines: Mapping[str, int]

    def evidence(self) -> tuple[Evidence, ...]:
        """Say where each process is named."""
        return tuple(
            Evidence(reason=f"the Procfile names the {name} process", path=PATH, line=line)
            for name, line in self.lines.items()
        )


def read_procfile(tree: FileTree) -> Procfile | None:
    """
    Return the Procfile of *tree*, or None where there is none.

    Raises:
        DetectionError: If a line is not understood; the message holds its number.
    """
    if not tree.exists(PATH):
        return None
    processes: dict[str, Step] = {}
    lines: dict[str, int] = {}
    for number, line in _meant_lines(tree.read(PATH) or ""):
        name, command = _parse(line, number)
        if name in processes:
            raise _error(number, f"names {name} a second time (first in line {lines[name]})")
        if len(processes) == _MOST_PROCESSES:
            raise _error(number, f"names more than {_MOST_PROCESSES} processes")
        processes[name] = Step(command=command, origin=Origin.PROCFILE)
        lines[name] = number
    if not processes:
        raise DetectionError("The Procfile names no process. Add a line like `web: <command>`.")
    return Procfile(processes=processes, lines=lines)


def _meant_lines(text: str) -> list[tuple[int, str]]:
    stripped = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
    return [(number, line) for number, line in stripped if line and not line.startswith("#")]


def _parse(line: str, number: int) -> tuple[str, str]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise _error(number, "is not of the form `type: command`")
    if not match["command"]:
        raise _error(number, f"has no command for {match['type']}")
    if len(match["command"]) > check_command.most:
        raise _error(number, f"has a command of more than {check_command.most} characters")
    if _CONTROL.search(match["command"]):
        raise _error(number, "holds a control character")
    return match["type"], match["command"]


def _error(number: int, what: str) -> DetectionError:
    return DetectionError(f"Line {number} of the Procfile {what}. Mend the file and push again.")
