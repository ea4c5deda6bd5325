"""Commands that somebody gave: a script that they name must be there."""

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches

from pushpaka_core.detection.documents import inside
from pushpaka_core.detection.node.manifest import FILE, read_manifest
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Origin, Step
from pushpaka_core.errors import DetectionError

_SEPARATOR = re.compile(r"&&|\|\||;|\n")
_STARTED_BY_NPM = "server.js"
"""Without a start script, npm runs it."""
_MOST = 1_000
_SHOWN = 12


def check_given_commands(question: Question, plan: BuildPlan) -> None:
    """
    Look for the scripts that the given commands of *plan* run, before anything is built.

    Raises:
        DetectionError: If package.json has no such script; the message names those it has.
    """
    directory = plan.directory or "."
    scripts = read_manifest(question.repository, directory).scripts
    is_started_anyway = question.repository.exists(inside(directory, _STARTED_BY_NPM))
    known = {*scripts, "start"} if is_started_anyway else set(scripts)
    steps = (*((plan.install,) if plan.install else ()), *plan.build, *plan.processes.values())
    for step in steps:
        for name in _named_in(step):
            if name not in known and step.origin is not Origin.DETECTED:
                raise _missing(name, step, sorted(scripts))


def _named_in(step: Step) -> Iterator[str]:
    """Yield the scripts that are run in the application's own directory, and must be there."""
    for part in _SEPARATOR.split(step.command[:_MOST]):
        words: list[str] = []
        with suppress(ValueError):
            words = shlex.split(part)
        match words:
            case ["cd", *_]:
                return
            case ["npm" | "pnpm", "run" | "run-script", name] if not name.startswith("-"):
                yield name
            case ["npm" | "pnpm", "run" | "run-script", name, "--", *_]:
                yield name
            case ["npm" | "pnpm" | "yarn", "start"]:
                yield "start"


def _missing(name: str, step: Step, scripts: list[str]) -> DetectionError:
    near = get_close_matches(name, scripts, n=1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    has = f"it has {', '.join(scripts[:_SHOWN])}" if scripts else "it has none"
    return DetectionError(
        f"{FILE} has no script {name}{guess}, but `{step.command[:100]}` runs it: {has}. Mend the"
        " command, or add the script."
    )
