"""Deno programs: tasks, Fresh, and single files."""

import re
from collections.abc import Mapping

from attrs import frozen

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.documents import first_matching_file, line_of, table_at
from pushpaka_core.detection.env_var_scan import find_env_vars
from pushpaka_core.detection.node.documents import read_relaxed_json
from pushpaka_core.detection.steps import detected_step, detected_steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.version_files import (
    first_line_source,
    mise_source,
    requested_version,
    tool_versions_source,
)
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Evidence, RejectedCandidate

CONFIGS = ("deno.json", "deno.jsonc")
TRIGGERS = CONFIGS

_FILES = tuple(
    f"{directory}{name}.{ending}"
    for directory in ("", "src/")
    for name in ("main", "server", "index", "app", "mod")
    for ending in ("ts", "tsx", "js")
)
_LISTEN = "DENO_SERVE_ADDRESS=tcp:${HOST:-0.0.0.0}:$PORT"
"""Makes `Deno.serve` listen on this address, even if the program passes another one."""
_FETCH_HANDLER = re.compile(
    r"^export[ \t]+default[ \t]+(?:\{[^}]{0,200}\bfetch\b|app\b)", re.MULTILINE
)
_FRESH = ("@fresh/core", "$fresh/")
_SOURCES = (
    first_line_source(".deno-version"),
    first_line_source(".dvmrc"),
    tool_versions_source("deno"),
    mise_source("deno"),
)


@frozen(kw_only=True)
class _StartCommand:
    """A start command and the reason for it."""

    command: str
    evidence: Evidence


def analyze(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    """Return a plan for a Deno program, a rejection if none can be made, or None for other code."""
    tree = context.tree
    path = first_matching_file(tree, CONFIGS)
    if path is None and context.framework is None:
        return None
    config = read_relaxed_json(tree, path) if path else {}
    start = None if context.has_web_command else _start(tree, path, config)
    if start is None and not context.has_web_command:
        reason = f"there is no start task and no program such as {', '.join(_FILES[:2])}"
        return RejectedCandidate(framework=context.framework or "deno", reason=reason)
    is_fresh = any(name in table_at(config, "imports") for name in _FRESH)
    builds = "build" in table_at(config, "tasks")
    version = requested_version(context, "Deno", _SOURCES)
    return BuildPlan(
        framework=context.framework or ("fresh" if is_fresh else "deno"),
        language="deno",
        language_version=version.text,
        directory=context.directory,
        install=detected_step("deno install"),
        build=detected_steps("deno task build" if builds else "", *_cache_commands(start)),
        processes={"web": detected_step(start.command)} if start else {},
        env_names=find_env_vars(tree, (".ts", ".tsx", ".js"), r"\bDeno\.env\.get\("),
        evidence=(*((start.evidence,) if start else ()), *version.evidence),
    )


def _start(tree: FileTree, path: str | None, config: Mapping[str, object]) -> _StartCommand | None:
    if path and "start" in table_at(config, "tasks"):
        evidence = Evidence(
            reason="there is a start task",
            path=path,
            line=line_of(tree.read(path) or "", '"start"'),
        )
        return _StartCommand(command=f"{_LISTEN} deno task start", evidence=evidence)
    file = first_matching_file(tree, _FILES)
    if file is None:
        return None
    evidence = Evidence(reason=f"{file} is the main program", path=file)
    verb = "serve" if _FETCH_HANDLER.search(tree.read(file) or "") else "run"
    where = " --host ${HOST:-0.0.0.0} --port $PORT" if verb == "serve" else ""
    listen = "" if verb == "serve" else f"{_LISTEN} "
    return _StartCommand(
        command=f"{listen}deno {verb} --allow-all{where} {file}", evidence=evidence
    )


def _cache_commands(start_command: _StartCommand | None) -> tuple[str, ...]:
    """Return the command that downloads the modules that a program file imports by URL."""
    file = start_command.command.split(" ")[-1] if start_command else ""
    return (f"deno cache {file}",) if file in _FILES else ()
