""".NET applications: the project to publish."""

import re
import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath

from attrs import frozen

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.documents import first_matching_file
from pushpaka_core.detection.env_var_scan import find_env_vars
from pushpaka_core.detection.steps import detected_step, detected_steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.version_files import (
    VersionSource,
    mise_source,
    pattern_source,
    requested_version,
    tool_versions_source,
)
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Evidence, RejectedCandidate

TRIGGERS = ("*.csproj", "*.fsproj", "*.sln", "*.slnx")
OUTPUT = "_published"

_PROJECT_ENDINGS = (".csproj", ".fsproj")
_WEB = re.compile(r"Sdk\s{0,9}=\s{0,9}\"Microsoft\.NET\.Sdk\.Web\"")
_PROGRAM = re.compile(r"<OutputType>\s{0,9}(?:Win)?Exe\s{0,9}<", re.IGNORECASE)
_NAME = re.compile(r"<AssemblyName>\s{0,9}(?P<name>[\w.-]{1,100})\s{0,9}<")
_TEST = re.compile(r"Microsoft\.NET\.Test\.Sdk|<IsTestProject>\s{0,9}true", re.IGNORECASE)
_FRAMEWORK = r"<TargetFrameworks?>\s{0,9}net(?P<version>\d{1,2}\.\d)"
_LISTEN = "ASPNETCORE_URLS=http://${HOST:-0.0.0.0}:$PORT"
_MAX_LEVELS = 3


@frozen(kw_only=True)
class _Project:
    """A .NET project that builds an executable."""

    path: str
    assembly: str
    is_web: bool


def analyze(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    """
    Return a plan for a .NET application, a rejection if none can be made, or None for other code.

    Web applications are preferred over other programs.
    """
    tree = context.tree
    if first_matching_file(tree, TRIGGERS) is None and context.framework is None:
        return None
    projects = sorted(_programs(tree), key=lambda one: (not one.is_web, one.path))
    if not projects:
        reason = "no project is a web application or an executable (OutputType Exe)"
        return RejectedCandidate(framework=context.framework or "dotnet", reason=reason)
    project = projects[0]
    version = requested_version(context, ".NET", tuple(_sources(project.path)))
    path = shlex.quote(project.path)
    return BuildPlan(
        framework=context.framework or "dotnet",
        language="dotnet",
        language_version=version.text,
        package_manager="nuget",
        directory=context.directory,
        install=detected_step(f"dotnet restore {path}"),
        build=detected_steps(f"dotnet publish {path} --configuration Release --output {OUTPUT}"),
        processes={} if context.has_web_command else {"web": detected_step(_start(project))},
        env_names=_env_names(tree),
        evidence=(_evidence(project, projects), *version.evidence),
    )


def _start(project: _Project) -> str:
    return f"{_LISTEN} exec dotnet {OUTPUT}/{shlex.quote(project.assembly)}.dll"


def _evidence(project: _Project, projects: list[_Project]) -> Evidence:
    others = ", ".join(one.path for one in projects if one != project)
    description = "a web application" if project.is_web else "an executable"
    also = f"; other programs: {others}" if others else ""
    return Evidence(reason=f"the project is {description}{also}", path=project.path, line=1)


def _programs(tree: FileTree) -> Iterator[_Project]:
    for path in tree.paths():
        if not path.endswith(_PROJECT_ENDINGS) or path.count("/") > _MAX_LEVELS:
            continue
        text = tree.read(path) or ""
        is_web = _WEB.search(text) is not None
        if (is_web or _PROGRAM.search(text)) and not _TEST.search(text):
            named = _NAME.search(text)
            assembly = named["name"] if named else PurePosixPath(path).stem
            yield _Project(path=path, assembly=assembly, is_web=is_web)


def _sources(project: str) -> Iterator[VersionSource]:
    yield pattern_source("global.json", r'"version"\s{0,9}:\s{0,9}"(?P<version>\d{1,2}\.\d)')
    yield tool_versions_source("dotnet", "dotnet-core")
    yield mise_source("dotnet", "dotnet-core")
    yield pattern_source(project, _FRAMEWORK)
    yield pattern_source("Directory.Build.props", _FRAMEWORK)


def _env_names(tree: FileTree) -> tuple[str, ...]:
    return find_env_vars(tree, (".cs", ".fs"), r"\bEnvironment\.GetEnvironmentVariable\(")
