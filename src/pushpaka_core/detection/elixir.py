"""Elixir applications: Phoenix, and other Mix releases."""

import re

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.env_var_scan import find_env_vars
from pushpaka_core.detection.steps import detected_step, detected_steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.version_files import (
    mise_source,
    pattern_source,
    requested_version,
    tool_versions_source,
)
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Evidence, RejectedCandidate

PROJECT, LOCK = "mix.exs", "mix.lock"
TRIGGERS = (PROJECT,)
RELEASE = "_release"

_APP_NAME = re.compile(r"^[ \t]*app:[ \t]*:(?P<name>[a-z]\w{0,63})", re.MULTILINE)
_RELEASE_NAME = re.compile(
    r"^[ \t]*releases:[ \t]*\[\s{0,200}(?P<name>[a-z]\w{0,63}):", re.MULTILINE
)
_PHOENIX = re.compile(r"\{:phoenix,")
_ASSETS = re.compile(r"[\"']assets\.deploy[\"']:")
_SOURCES = (
    tool_versions_source("elixir"),
    mise_source("elixir"),
    pattern_source(PROJECT, r"^[ \t]*elixir:[ \t]*\"(?P<version>[^\"\n]{1,60})\""),
)


def analyze(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    """
    Return a plan for an Elixir application, a rejection if none can be made, or None for other
    code.
    """
    tree = context.tree
    if not tree.exists(PROJECT):
        if context.framework is None:
            return None
        return RejectedCandidate(framework=context.framework, reason=f"there is no {PROJECT}")
    text = tree.read(PROJECT) or ""
    name = _RELEASE_NAME.search(text) or _APP_NAME.search(text)
    if name is None and not context.has_web_command:
        reason = f"{PROJECT} declares no application (`app:`) and no release"
        return RejectedCandidate(framework=context.framework or "elixir", reason=reason)
    phoenix = _PHOENIX.search(text)
    version = requested_version(context, "Elixir", _SOURCES)
    released = f"mix release --overwrite --path {RELEASE}" if name else "mix compile"
    web = {"web": detected_step(f"{RELEASE}/bin/{name['name']} start")} if name else {}
    return BuildPlan(
        framework=context.framework or ("phoenix" if phoenix else "elixir"),
        language="elixir",
        language_version=version.text,
        package_manager="mix",
        directory=context.directory,
        install=detected_step("mix deps.get --only prod") if tree.exists(LOCK) else None,
        build=detected_steps("mix assets.deploy" if _ASSETS.search(text) else "", released),
        processes={} if context.has_web_command else web,
        env_names=_env_names(tree),
        evidence=(
            *((_evidence(text, phoenix, "phoenix is listed"),) if phoenix else ()),
            *((_evidence(text, name, f"the release is named {name['name']}"),) if name else ()),
            *version.evidence,
        ),
    )


def _evidence(text: str, match: re.Match[str], reason: str) -> Evidence:
    line = text.count("\n", 0, match.end()) + 1
    return Evidence(reason=reason, path=PROJECT, line=line)


def _env_names(tree: FileTree) -> tuple[str, ...]:
    return find_env_vars(tree, (".ex", ".exs"), r"\bSystem\.(?:get_env|fetch_env!?)\(")
