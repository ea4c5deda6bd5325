"""Checks that the scripts in user-defined commands exist."""

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.documents import repository_path
from pushpaka_core.detection.node.manifest import FILE, read_manifest
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, BuildStep, Origin
from pushpaka_core.errors import DetectionError

_SEPARATOR = re.compile(r"&&|\|\||;|\n")
_NPM_DEFAULT_FILE = "server.js"
"""The file that npm runs if there is no start script."""
_MAX_COMMAND_LENGTH = 1_000
_MAX_SHOWN = 12


def check_user_commands(context: DetectionContext, plan: BuildPlan) -> None:
    """
    Check the user-defined commands of *plan* before anything is built.

    Raises:
        DetectionError: If a command runs a script that package.json lacks. The message lists the
            scripts it has.
    """
    directory = plan.directory or "."
    scripts = read_manifest(context.repository, directory).scripts
    is_started_anyway = context.repository.exists(repository_path(directory, _NPM_DEFAULT_FILE))
    known = {*scripts, "start"} if is_started_anyway else set(scripts)
    for step in plan.steps:
        for name in _scripts_run_by(step):
            if name not in known and step.origin is not Origin.DETECTED:
                raise _missing_script_error(name, step, sorted(scripts))


def _scripts_run_by(step: BuildStep) -> Iterator[str]:
    """Yield the scripts that the command runs in the application directory."""
    for part in _SEPARATOR.split(step.command[:_MAX_COMMAND_LENGTH]):
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


def _missing_script_error(name: str, step: BuildStep, scripts: list[str]) -> DetectionError:
    matches = get_close_matches(name, scripts, n=1)
    guess = f" (did you mean {matches[0]}?)" if matches else ""
    has = f"Its scripts are {', '.join(scripts[:_MAX_SHOWN])}." if scripts else "It has no scripts."
    return DetectionError(
        f"{FILE} has no script {name}{guess}, but `{step.command[:100]}` runs it. {has} Fix the"
        " command, or add the script."
    )
