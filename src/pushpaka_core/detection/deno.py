"""Programs for Deno: its tasks, Fresh, and single files."""

import re
from collections.abc import Mapping

from attrs import frozen

from pushpaka_core.detection.documents import first_match, line_of, table
from pushpaka_core.detection.env_reads import env_reads
from pushpaka_core.detection.node.documents import read_relaxed_json
from pushpaka_core.detection.sayings import first_line, mise, said_version, tool_versions
from pushpaka_core.detection.steps import detected, steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Rejected

CONFIGS = ("deno.json", "deno.jsonc")
TRIGGERS = CONFIGS

_FILES = tuple(
    f"{directory}{name}.{ending}"
    for directory in ("", "src/")
    for name in ("main", "server", "index", "app", "mod")
    for ending in ("ts", "tsx", "js")
)
_LISTEN = "DENO_SERVE_ADDRESS=tcp:${HOST:-0.0.0.0}:$PORT"
"""Where `Deno.serve` listens, whatever the program says."""
_SERVES = re.compile(r"^export[ \t]+default[ \t]+(?:\{[^}]{0,200}\bfetch\b|app\b)", re.MULTILINE)
_FRESH = ("@fresh/core", "$fresh/")
_SOURCES = (first_line(".deno-version"), first_line(".dvmrc"), tool_versions("deno"), mise("deno"))


@frozen(kw_only=True)
class _Start:
    """How a program is started, and why so."""

    command: str
    evidence: Evidence


def analyse(question: Question) -> BuildPlan | Rejected | None:
    """Find out what Deno is to run."""
    tree = question.tree
    path = first_match(tree, CONFIGS)
    if path is None and question.framework is None:
        return None
    config = read_relaxed_json(tree, path) if path else {}
    start = None if question.has_web else _start(tree, path, config)
    if start is None and not question.has_web:
        reason = f"there is no task start and no file such as {', '.join(_FILES[:2])}"
        return Rejected(framework=question.framework or "deno", reason=reason)
    is_fresh = any(name in table(config, "imports") for name in _FRESH)
    builds = "build" in table(config, "tasks")
    version = said_version(question, "Deno", _SOURCES)
    return BuildPlan(
        framework=question.framework or ("fresh" if is_fresh else "deno"),
        language="deno",
        language_version=version.text,
        directory=question.directory,
        install=detected("deno install"),
        build=steps("deno task build" if builds else "", *_cached(start)),
        processes={"web": detected(start.command)} if start else {},
        env_names=env_reads(tree, (".ts", ".tsx", ".js"), r"\bDeno\.env\.get\("),
        evidence=(*((start.evidence,) if start else ()), *version.evidence),
    )


def _start(tree: FileTree, path: str | None, config: Mapping[str, object]) -> _Start | None:
    if path and "start" in table(config, "tasks"):
        evidence = Evidence(
            reason="there is a task start",
            path=path,
            line=line_of(tree.read(path) or "", '"start"'),
        )
        return _Start(command=f"{_LISTEN} deno task start", evidence=evidence)
    file = first_match(tree, _FILES)
    if file is None:
        return None
    evidence = Evidence(reason=f"{file} is the program", path=file)
    verb = "serve" if _SERVES.search(tree.read(file) or "") else "run"
    where = " --host ${HOST:-0.0.0.0} --port $PORT" if verb == "serve" else ""
    listen = "" if verb == "serve" else f"{_LISTEN} "
    return _Start(command=f"{listen}deno {verb} --allow-all{where} {file}", evidence=evidence)


def _cached(start: _Start | None) -> tuple[str, ...]:
    """Return what fetches the modules that a program imports by their addresses."""
    file = start.command.split(" ")[-1] if start else ""
    return (f"deno cache {file}",) if file in _FILES else ()
