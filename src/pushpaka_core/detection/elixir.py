"""Applications in Elixir: Phoenix, and other releases of Mix."""

import re

from pushpaka_core.detection.env_reads import env_reads
from pushpaka_core.detection.sayings import matched, mise, said_version, tool_versions
from pushpaka_core.detection.steps import detected, steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Rejected

PROJECT, LOCK = "mix.exs", "mix.lock"
TRIGGERS = (PROJECT,)
RELEASE = "_release"

_APP = re.compile(r"^[ \t]*app:[ \t]*:(?P<name>[a-z]\w{0,63})", re.MULTILINE)
_NAMED = re.compile(r"^[ \t]*releases:[ \t]*\[\s{0,200}(?P<name>[a-z]\w{0,63}):", re.MULTILINE)
_PHOENIX = re.compile(r"\{:phoenix,")
_ASSETS = re.compile(r"[\"']assets\.deploy[\"']:")
_SOURCES = (
    tool_versions("elixir"),
    mise("elixir"),
    matched(PROJECT, r"^[ \t]*elixir:[ \t]*\"(?P<version>[^\"\n]{1,60})\""),
)


def analyse(question: Question) -> BuildPlan | Rejected | None:
    """Find out which release is made."""
    tree = question.tree
    if not tree.exists(PROJECT):
        if question.framework is None:
            return None
        return Rejected(framework=question.framework, reason=f"there is no {PROJECT}")
    text = tree.read(PROJECT) or ""
    name = _NAMED.search(text) or _APP.search(text)
    if name is None and not question.has_web:
        reason = f"{PROJECT} names no application (`app:`) and no release"
        return Rejected(framework=question.framework or "elixir", reason=reason)
    phoenix = _PHOENIX.search(text)
    version = said_version(question, "Elixir", _SOURCES)
    released = f"mix release --overwrite --path {RELEASE}" if name else "mix compile"
    web = {"web": detected(f"{RELEASE}/bin/{name['name']} start")} if name else {}
    return BuildPlan(
        framework=question.framework or ("phoenix" if phoenix else "elixir"),
        language="elixir",
        language_version=version.text,
        package_manager="mix",
        directory=question.directory,
        install=detected("mix deps.get --only prod") if tree.exists(LOCK) else None,
        build=steps("mix assets.deploy" if _ASSETS.search(text) else "", released),
        processes={} if question.has_web else web,
        env_names=_env_names(tree),
        evidence=(
            *((_evidence(text, phoenix, "phoenix is listed"),) if phoenix else ()),
            *((_evidence(text, name, f"it is released as {name['name']}"),) if name else ()),
            *version.evidence,
        ),
    )


def _evidence(text: str, match: re.Match[str], reason: str) -> Evidence:
    line = text.count("\n", 0, match.end()) + 1
    return Evidence(reason=reason, path=PROJECT, line=line)


def _env_names(tree: FileTree) -> tuple[str, ...]:
    return env_reads(tree, (".ex", ".exs"), r"\bSystem\.(?:get_env|fetch_env!?)\(")
